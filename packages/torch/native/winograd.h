// 3 × 3 convolutions at stride 1 in bfloat16 by Winograd's minimal filtering: 2.25 times fewer products than by definition, at twice the rounding
// error (relative to the outputs' size 0.0044 instead of 0.0022, of which 0.0017 is the rounding of the result).
#pragma once

#include <ATen/ATen.h>

#include "bfloat16-convolution.h"

namespace bridge {

/// Whether transforms cost less than the products that they save, and the channels fill whole vectors.
bool suitsWinograd(const ConvolutionShape& shape);

/// Elements of packed weights.
int64_t winogradWeightsSize(const ConvolutionShape& shape);

void packWinogradWeights(const WeightLayout& layout, BFloat16Bits* packed);

/// y = activation(convolution of x + bias) + residual; see convolveBFloat16.
void convolveWinograd(const ConvolutionShape& shape, Pixels x, const BFloat16Bits* packed, const float* bias, Activation activation, Pixels residual,
                      Pixels y);

/// The gradient of the weights, for convolutions that suit.
/// @returns float32 in the layout of `weight`
at::Tensor winogradWeightGradient(const ConvolutionShape& shape, Pixels x, Pixels dy, const at::Tensor& weight);

}  // namespace bridge
