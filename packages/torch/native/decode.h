// From the raw levels of a detection head to boxes and scores, without a gradient.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

/// How the channels of a level are to be read: 4 · bins of the distances' distributions, classes, and perhaps an objectness.
struct HeadChannels {
  int64_t bins;
  bool objectness;
};

/// @param name of the operator, for messages
/// @throws c10::Error unless the arguments belong together, whatever their type and device
void checkLevels(const char* name, at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels);

/// @param levels in float32 or bfloat16, their pixels equally far apart
/// @param centres [2, A] x and y, in float32
/// @param strides [1, A] pixels a cell, in float32
/// @param out [B, 4 + classes, A] cx cy w h in pixels, then scores
void decodeInto(at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels, float* out);

}  // namespace bridge
