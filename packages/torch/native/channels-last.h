// The memory layout that all kernels of the bridge work in: the channels of a pixel next to each other, pixel after pixel.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

/// The tensor with its channels next to each other in memory; an undefined tensor as it is.
inline at::Tensor channelsLast(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

/// Elements from one pixel to the next, where all pixels are equally far apart and channels next to each other, as in a
/// slice of the channels of channels-last memory; 0 elsewhere.
inline int64_t pixelStride(const at::Tensor& x) {
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
  if (x.is_contiguous(at::MemoryFormat::ChannelsLast)) return channels;
  const int64_t stride = width > 1 ? x.stride(3) : height > 1 ? x.stride(2) : x.stride(0);
  const bool regular = (channels == 1 || x.stride(1) == 1) && stride >= channels && (height == 1 || x.stride(2) == stride * width) &&
                       (x.size(0) == 1 || x.stride(0) == stride * width * height);
  return regular ? stride : 0;
}

/// The tensor itself where its pixels are equally far apart, else a channels-last copy.
inline at::Tensor withPixelStride(const at::Tensor& x) { return pixelStride(x) > 0 ? x : channelsLast(x); }

}  // namespace bridge
