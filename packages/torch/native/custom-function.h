// Backward passes written in JavaScript.
#pragma once

#include "node.h"

namespace bridge {

void defineCustomFunctions(napi_env env, napi_value exports);

}  // namespace bridge
