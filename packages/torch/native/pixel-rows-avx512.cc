// The loops of pixel-rows.h with AVX-512.
#include "pixel-rows.h"

#include "avx512.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

template <typename T, int count>
void sumOf(T* out, const T* const* sources, float factor, int64_t length) {
  const __m512 scale = lanesOf(factor);
  overLanes(length, [&](int64_t i, auto mask) {
    __m512 sum = loadLanes(sources[0] + i, mask);
    for (int k = 1; k < count; ++k) sum = _mm512_add_ps(sum, loadLanes(sources[k] + i, mask));
    storeLanes(out + i, _mm512_mul_ps(sum, scale), mask);
  });
}

template <typename T>
void sum(T* out, const T* const* sources, int sourceCount, float factor, int64_t length) {
  switch (sourceCount) {
    case 1:
      return sumOf<T, 1>(out, sources, factor, length);
    case 2:
      return sumOf<T, 2>(out, sources, factor, length);
    case 3:
      return sumOf<T, 3>(out, sources, factor, length);
    default:
      return sumOf<T, 4>(out, sources, factor, length);
  }
}

template <typename T>
void largest(T* out, const T* first, PixelWindow window, int64_t length) {
  overLanes(length, [&](int64_t i, auto mask) {
    __m512 most = loadLanes(first + i, mask);
    for (int64_t row = 0; row < window.rows; ++row) {
      const T* pixel = first + row * window.rowStride + i;
      for (int64_t column = 0; column < window.columns; ++column, pixel += window.pixelStride) most = _mm512_max_ps(most, loadLanes(pixel, mask));
    }
    storeLanes(out + i, most, mask);
  });
}

template <typename T>
constexpr PixelKernels<T> table = {sum<T>, largest<T>};

}  // namespace

const PixelKernels<float>* avx512FloatPixels() { return hasAvx512() ? &table<float> : nullptr; }
const PixelKernels<BFloat16Bits>* avx512BFloat16Pixels() { return hasAvx512BFloat16() ? &table<BFloat16Bits> : nullptr; }

#else

const PixelKernels<float>* avx512FloatPixels() { return nullptr; }
const PixelKernels<BFloat16Bits>* avx512BFloat16Pixels() { return nullptr; }

#endif

}  // namespace bridge
