// libtorch's memory for tensors on the CPU, taken from a heap of our own, as functions for JavaScript.
#pragma once

#include "node.h"

namespace bridge {

void defineAllocator(napi_env env, napi_value exports);

}  // namespace bridge
