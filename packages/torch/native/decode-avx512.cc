// The loop of decode-rows.h: a distribution is one vector, and so are sixteen classes of a pixel.
#include "decode-rows.h"

#include "avx512.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

/// Σ i · softmax(logits)ᵢ
template <typename T>
YOLOV9_INLINE float expectedDistance(const T* logits, __mmask16 bins) {
  const __m512 index = _mm512_cvtepi32_ps(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __m512 values = loadLanes(logits, bins);
  const __m512 largest = lanesOf(_mm512_mask_reduce_max_ps(bins, values));
  const __m512 shares = _mm512_maskz_mov_ps(bins, powerOfTwo<float>(_mm512_mul_ps(_mm512_sub_ps(values, largest), lanesOf(log2e))));
  return _mm512_reduce_add_ps(_mm512_mul_ps(shares, index)) / _mm512_reduce_add_ps(shares);
}

YOLOV9_INLINE __mmask16 maskOf(AllLanes) { return 0xffff; }
YOLOV9_INLINE __mmask16 maskOf(__mmask16 mask) { return mask; }

template <typename T>
void decodeRows(const DecodeRun<T>& run, int64_t bins, int64_t classes, bool objectness) {
  const __mmask16 mask = firstLanes(bins);
  const __m512i columns = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                             _mm512_set1_epi32(static_cast<int>(run.anchors)));
  for (int64_t i = 0; i < run.count; ++i) {
    const T* pixel = run.pixels + i * run.pixelStride;
    float* out = run.out + i;
    const float left = expectedDistance(pixel, mask), top = expectedDistance(pixel + bins, mask);
    const float right = expectedDistance(pixel + 2 * bins, mask), bottom = expectedDistance(pixel + 3 * bins, mask);
    out[0] = run.centreX[i] + (right - left) / 2 * run.strides[i];
    out[run.anchors] = run.centreY[i] + (bottom - top) / 2 * run.strides[i];
    out[2 * run.anchors] = (left + right) * run.strides[i];
    out[3 * run.anchors] = (top + bottom) * run.strides[i];
    const T* logits = pixel + 4 * bins;
    __m512 certainty = lanesOf(1);
    if (objectness) certainty = sigmoid<float>(lanesOf(load(logits + classes)));
    overLanes(classes, [&](int64_t c, auto lanesLeft) {
      const __m512 scores = _mm512_mul_ps(sigmoid<float>(loadLanes(logits + c, lanesLeft)), certainty);
      _mm512_mask_i32scatter_ps(out + (4 + c) * run.anchors, maskOf(lanesLeft), columns, scores, sizeof(float));
    });
  }
}

}  // namespace

template <>
DecodeRows<float> avx512DecodeRows<float>() {
  return hasAvx512() ? decodeRows<float> : nullptr;
}
template <>
DecodeRows<BFloat16Bits> avx512DecodeRows<BFloat16Bits>() {
  return hasAvx512() ? decodeRows<BFloat16Bits> : nullptr;
}

#else

template <>
DecodeRows<float> avx512DecodeRows<float>() {
  return nullptr;
}
template <>
DecodeRows<BFloat16Bits> avx512DecodeRows<BFloat16Bits>() {
  return nullptr;
}

#endif

}  // namespace bridge
