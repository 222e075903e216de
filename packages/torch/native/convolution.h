// Convolutions of inference whose results go to memory that is there already.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "activation-codes.h"

namespace bridge {

/// What distinguishes one convolution from another, apart from its numbers.
struct Geometry {
  int64_t stride, padding, dilation, groups;
};

/// @param name of the operator, for messages
/// @throws c10::Error unless the arguments make a convolution, whatever their types and device
void checkConvolution(const char* name, const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, const Geometry& geometry);

/// [B, C, H, W] of the result.
std::array<int64_t, 4> convolvedSizes(const at::Tensor& x, const at::Tensor& weight, const Geometry& geometry);

/// Whether `convolveInto` reads and writes slices of the channels of wider features as they lie, and adds the residual in the same pass.
/// Else both have to be dense.
bool convolvesSlices(const at::Tensor& x, const at::Tensor& weight, const Geometry& geometry);

/// y = activation(convolution of x) + residual, where there is one. Weights are packed once and kept until they change.
void convolveInto(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, const Geometry& geometry,
                  Activation activation, const c10::optional<at::Tensor>& residual, const at::Tensor& y);

}  // namespace bridge
