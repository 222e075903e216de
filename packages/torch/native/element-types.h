// From a tensor's element type to the type that kernels are written for.
#pragma once

#include <ATen/ATen.h>

#include "vectorised.h"

namespace bridge {

/// Calls body with a value of the element type: float, double or BFloat16Bits.
template <typename Body>
auto overTypes(at::ScalarType type, const char* name, const Body& body) {
  switch (type) {
    case at::kFloat:
      return body(float{});
    case at::kDouble:
      return body(double{});
    case at::kBFloat16:
      return body(BFloat16Bits{});
    default:
      TORCH_CHECK(false, name, " takes float32, float64 or bfloat16, not ", type);
  }
}

inline bool hasKernels(at::ScalarType type) { return type == at::kFloat || type == at::kDouble || type == at::kBFloat16; }

}  // namespace bridge
