// The loop of expectation.h: a distribution is one vector.
#include "expectation.h"

#include "avx512.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

void expectRows(const float* logits, float* out, int64_t rows, int64_t bins) {
  const __mmask16 mask = firstLanes(bins);
  const __m512 index = _mm512_cvtepi32_ps(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  for (int64_t row = 0; row < rows; ++row, logits += bins) {
    const __m512 values = loadLanes(logits, mask);
    const __m512 largest = lanesOf(_mm512_mask_reduce_max_ps(mask, values));
    const __m512 shares = _mm512_maskz_mov_ps(mask, powerOfTwo<float>(_mm512_mul_ps(_mm512_sub_ps(values, largest), lanesOf(log2e))));
    out[row] = _mm512_reduce_add_ps(_mm512_mul_ps(shares, index)) / _mm512_reduce_add_ps(shares);
  }
}

}  // namespace

ExpectRows avx512ExpectRows() { return hasAvx512() ? expectRows : nullptr; }

#else

ExpectRows avx512ExpectRows() { return nullptr; }

#endif

}  // namespace bridge
