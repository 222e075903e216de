// Expected values of many distributions, without a gradient.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

/// Σ i · softmax(logits)ᵢ: [..., bins] → [...]
at::Tensor expectation(const at::Tensor& logits);

}  // namespace bridge
