// The memory layout that all kernels of the bridge work in.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

/// The tensor with its channels next to each other in memory; an undefined tensor as it is.
inline at::Tensor channelsLast(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

}  // namespace bridge
