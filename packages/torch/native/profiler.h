// Times of operators, as functions for JavaScript.
#pragma once

#include "node.h"

namespace bridge {

void defineProfiler(napi_env env, napi_value exports);

}  // namespace bridge
