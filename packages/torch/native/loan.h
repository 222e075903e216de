// Memory of tensors that JavaScript reads in place for a while.
#pragma once

#include "node.h"

namespace bridge {

/// Adds `lend` and `takeBack` to the module's exports.
void defineLoans(napi_env env, napi_value exports);

}  // namespace bridge
