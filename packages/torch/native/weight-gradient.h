// The gradient of a convolution's weights in bfloat16, where oneDNN's own is the slowest of the three passes: for 3 × 3 kernels of stride 1
// or 2 and for 1 × 1 kernels, padded to keep the image's size (over the stride), without groups.
//   dW[oc, kh, kw, ic] = Σ over images and pixels of dy[pixel, oc] · x[stride · pixel + (kh, kw) − padding, ic]
#pragma once

#include <ATen/ATen.h>

#include "vectorised.h"

namespace bridge {

/// Whether the kernel can take this convolution, and the processor runs it.
bool suitsWeightGradient(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups);

/// @param x, dy channels-last bfloat16
/// @returns float32 in the layout of `weight`
at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, int64_t stride);

/// Adds what the threads found, `threadStride` apart: sums[tap][block of output channels][input channel][16].
/// @returns float32 in the layout of `weight`
at::Tensor collectTaps(const float* sums, int64_t threads, int64_t threadStride, const at::Tensor& weight);

}  // namespace bridge
