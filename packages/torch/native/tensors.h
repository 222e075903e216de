// What cannot be said as an operator call: typed arrays in and out, autograd, generators, threads and devices.
#pragma once

#include "node.h"

namespace bridge {

/// Adds every function of this file to the module's exports.
void defineTensorFunctions(napi_env env, napi_value exports);

}  // namespace bridge
