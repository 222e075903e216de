// The inner loop of decoding: pixels of one level to columns of boxes and scores.
#pragma once

#include "vectorised.h"

namespace bridge {

/// Anchors of one level that follow each other, and where they go.
template <typename T>
struct DecodeRun {
  const T* pixels;
  int64_t pixelStride, count;
  const float *centreX, *centreY, *strides;
  /// The first anchor's column of [4 + classes, anchors].
  float* out;
  int64_t anchors;
};

template <typename T>
using DecodeRows = void (*)(const DecodeRun<T>& run, int64_t bins, int64_t classes, bool objectness);

/// For at most 16 bins; null where the processor (or the compiler) has no AVX-512.
template <typename T>
DecodeRows<T> avx512DecodeRows();

}  // namespace bridge
