// Convolution in bfloat16 by dot products of our own: 3 × 3 and 1 × 1 kernels, padded to keep the image's size
// (over the stride), without groups. It reads and writes slices of channels in place, and sums in float32. 3 × 3 kernels go by winograd.h where
// that is cheaper; what goes by definition is rounded once, at the end.
#pragma once

#include <ATen/ATen.h>

#include "activation-codes.h"
#include "convolution-rows.h"

namespace bridge {

struct ConvolutionShape {
  int64_t batch, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels;
  int64_t kernel, stride;  // 1 or 3, and 1 or 2; padding is kernel / 2
};

/// Whether the processor runs the kernel and it can take this convolution.
bool suitsBFloat16Convolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups);

/// @param x bfloat16 [N, C, H, W], dense or a slice of channels
ConvolutionShape convolutionShape(const at::Tensor& x, const at::Tensor& weight, int64_t stride);

/// @param x bfloat16, of which pixels are equally far apart
Pixels pixelsOf(const at::Tensor& x);

/// Elements of packed weights.
int64_t packedWeightsSize(const ConvolutionShape& shape);

void packWeights(const ConvolutionShape& shape, const WeightLayout& layout, BFloat16Bits* packed);

/// y = activation(convolution of x + bias) + residual.
/// @param bias null: none
/// @param residual data null: none
void convolveBFloat16(const ConvolutionShape& shape, Pixels x, const BFloat16Bits* packed, const float* bias, Activation activation,
                      Pixels residual, Pixels y);

/// The same on tensors, without residual.
/// @param keepWeights whether the packed weights serve the next call too
at::Tensor convolveBFloat16(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride,
                            Activation activation, bool keepWeights);

/// The same into y, with weights that serve the next call, too.
void convolveBFloat16Into(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride,
                          Activation activation, const c10::optional<at::Tensor>& residual, const at::Tensor& y);

/// Whether there is a kernel here for the gradient of the input.
bool suitsBFloat16InputGradient(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups);

/// Whether that one is faster than oneDNN's even where it has nothing to add.
bool hasFasterInputGradient(const at::Tensor& x, const at::Tensor& weight);

/// The gradient of the input of a convolution that suits, plus one that comes from elsewhere.
/// @param x the input; only its sizes count
/// @param other undefined: none
at::Tensor inputGradientBFloat16(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& other);

}  // namespace bridge
