// The activations of the models, by the codes that TypeScript uses.
#pragma once

#include <ATen/ATen.h>

#include "activation-codes.h"

namespace bridge {

/// By libtorch's operators.
inline at::Tensor activate(const at::Tensor& z, Activation activation) {
  switch (activation) {
    case Activation::silu:
      return at::silu(z);
    case Activation::relu:
      return at::relu(z);
    default:
      return z;
  }
}

}  // namespace bridge
