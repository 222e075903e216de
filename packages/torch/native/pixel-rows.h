// Inner loops over the channels of single pixels in channels-last memory: what pooling, enlarging, concatenating and adding come to.
#pragma once

#include "vectorised.h"

namespace bridge {

/// At most this many rows are added at once.
constexpr int mostSources = 4;

/// Pixels of an image, `rowStride` and `pixelStride` elements apart.
struct PixelWindow {
  int64_t rows, rowStride, columns, pixelStride;
};

template <typename T>
struct PixelKernels {
  /// out[i] = factor · Σ sources[k][i], for `sourceCount` of 1 to `mostSources` sources.
  void (*sum)(T* out, const T* const* sources, int sourceCount, typename Arithmetic<T>::Type factor, int64_t length);
  /// out[i] = the largest x[i] of a window's pixels, the first of which is `first`.
  void (*largest)(T* out, const T* first, PixelWindow window, int64_t length);
};

/// The loops for this processor.
template <typename T>
const PixelKernels<T>& pixelKernels();

/// The same with AVX-512 intrinsics; null where the processor (or the compiler) has none.
const PixelKernels<float>* avx512FloatPixels();
const PixelKernels<BFloat16Bits>* avx512BFloat16Pixels();

}  // namespace bridge
