// Sums of squares of gradients, noted where they are made and lie in the cache still: the norm of all need not read them again.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

void noteSumOfSquares(const at::Tensor& gradient, double sum);

/// What was noted of the very memory that the tensor is, as long as its values are what they were; nothing else.
c10::optional<double> notedSumOfSquares(const at::Tensor& gradient);

}  // namespace bridge
