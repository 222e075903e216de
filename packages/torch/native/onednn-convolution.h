// Convolutions by oneDNN itself: what libtorch's own call does with casts, copies of weights and gradients in between is here one primitive
// that reads the weights as they are and writes their gradient in float32 as they lie.
#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "activation-codes.h"
#include "convolution.h"

namespace bridge {

/// The passes of one convolution for one shape of input: channels-last float32 or bfloat16, float32 weights.
class ConvolutionPasses {
 public:
  virtual ~ConvolutionPasses() = default;

  /// @param keepWeights whether the weights, once in the primitive's layout, serve the next call too
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, bool keepWeights) = 0;
  /// The same into dense memory, with weights that serve the next call, too.
  virtual void forwardInto(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, const at::Tensor& y) = 0;
  virtual at::Tensor inputGradient(const at::Tensor& dy, const at::Tensor& weight) = 0;
  /// Gradients of weight and bias; the latter undefined without a bias.
  virtual std::pair<at::Tensor, at::Tensor> weightGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight) = 0;
};

/// Made when first asked for; null where oneDNN has no such convolution or its headers were not there.
/// @param activation applied by the primitive itself, which only inference can do
ConvolutionPasses* oneDnnConvolution(const at::Tensor& x, const at::Tensor& weight, bool bias, const Geometry& geometry,
                                     Activation activation = Activation::identity);

}  // namespace bridge
