// The loop of expectation-rows.h for sixteen distributions at once.
#include "expectation-rows.h"

#include "avx512.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

/// Of up to sixteen distributions, transposed so that each has a lane.
void expectSixteen(const float* logits, float* out, int64_t count, int64_t bins) {
  const __mmask16 mask = firstLanes(bins);
  __m512i rows[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) rows[i] = _mm512_castps_si512(i < count ? loadLanes(logits + i * bins, mask) : _mm512_setzero_ps());
  transpose(rows);
  __m512 largest = _mm512_castsi512_ps(rows[0]);
#pragma GCC unroll 16
  for (int i = 1; i < lanes; ++i) {
    if (i < bins) largest = _mm512_max_ps(largest, _mm512_castsi512_ps(rows[i]));
  }
  __m512 sum = _mm512_setzero_ps(), weighted = _mm512_setzero_ps();
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if (i >= bins) break;
    const __m512 share = powerOfTwo<float>(_mm512_mul_ps(_mm512_sub_ps(_mm512_castsi512_ps(rows[i]), largest), lanesOf(log2e)));
    sum = _mm512_add_ps(sum, share);
    weighted = _mm512_fmadd_ps(share, lanesOf(static_cast<float>(i)), weighted);
  }
  storeLanes(out, _mm512_div_ps(weighted, sum), firstLanes(count));
}

void expectRows(const float* logits, float* out, int64_t rows, int64_t bins) {
  for (int64_t row = 0; row < rows; row += lanes) expectSixteen(logits + row * bins, out + row, rows - row < lanes ? rows - row : lanes, bins);
}

}  // namespace

ExpectRows avx512ExpectRows() { return hasAvx512() ? expectRows : nullptr; }

#else

ExpectRows avx512ExpectRows() { return nullptr; }

#endif

}  // namespace bridge
