// Lists of tensors that operators take again and again, converted from JavaScript once: a model has a thousand parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include "node.h"

namespace bridge {

/// The tensors of a list that JavaScript holds, undefined ones where it has none; null where the value is no such list.
const std::vector<at::Tensor>* tensorListOf(napi_env env, napi_value value);

void defineTensorLists(napi_env env, napi_value exports);

}  // namespace bridge
