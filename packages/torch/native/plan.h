// Inference plans: what a network does to a batch of images, as a list of steps over one piece of memory.
#pragma once

#include "node.h"

namespace bridge {

void definePlans(napi_env env, napi_value exports);

}  // namespace bridge
