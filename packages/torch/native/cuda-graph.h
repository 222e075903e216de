// CUDA graphs for JavaScript.
#pragma once

#include "node.h"

namespace bridge {

/// Whether graphs can be recorded: this was built with CUDA's headers.
bool hasCudaGraphs();

void defineCudaGraphs(napi_env env, napi_value exports);

}  // namespace bridge
