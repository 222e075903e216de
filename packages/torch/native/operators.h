// One door to all of libtorch's operators: find one by schema name, call it with JavaScript values. The schema
// says how each argument is converted and which default stands for an argument left out.
#pragma once

#include "node.h"

namespace bridge {

/// findOperator(name, overload) → index for callOperator, or -1 if this libtorch has no such operator.
napi_value findOperator(napi_env env, const Arguments& arguments);

/// callOperator(index, arguments[]) → tensor handle, number, boolean, string, null, or an array of these.
napi_value callOperator(napi_env env, const Arguments& arguments);

/// operatorNames(namespace) → ["yolov9::convolution", …]
napi_value operatorNames(napi_env env, const Arguments& arguments);

/// operatorSchemas(name) → [{ overload, text, arguments: [{ name, type, optional, hasDefault, keywordOnly }], returns: [type] }]
napi_value operatorSchemas(napi_env env, const Arguments& arguments);

}  // namespace bridge
