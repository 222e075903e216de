// The gradient of weights of winograd-tiles.h: two neighbouring tiles make the pairs that the processor multiplies.
#include "pair-products.h"
#include "winograd-lanes.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

/// A y
YOLOV9_INLINE void transformGradient(__m512 first, __m512 second, __m512 (&t)[4]) {
  t[0] = first;
  t[1] = _mm512_add_ps(first, second);
  t[2] = _mm512_sub_ps(first, second);
  t[3] = _mm512_sub_ps(_mm512_setzero_ps(), second);
}

/// Gᵀ u
YOLOV9_INLINE void transformProducts(const __m512 (&u)[4], __m512 (&g)[3]) {
  const __m512 half = lanesOf(0.5f), sum = _mm512_mul_ps(half, _mm512_add_ps(u[1], u[2]));
  g[0] = _mm512_add_ps(u[0], sum);
  g[1] = _mm512_mul_ps(half, _mm512_sub_ps(u[1], u[2]));
  g[2] = _mm512_add_ps(sum, u[3]);
}

/// Bᵀ d B of every two neighbouring tiles: to[position][block of channels][pair][16][2]
void pairInputs(const TileRows& x, BFloat16Bits* to, int64_t positionStride) {
  const int64_t pairs = x.pairs() / x.count;
  for (int64_t row = 0; row < x.count; ++row) {
    for (int64_t channel = 0; channel < x.channels; channel += lanes) {
      const Columns columns(x, row, -1, 4, channel);
      BFloat16Bits* pair = to + (channel / lanes * x.count + row) * pairs * pairBlock;
      __m512 t[6][4];
      inputColumn(columns, -1, t[0]);
      inputColumn(columns, 0, t[1]);
      for (int64_t column = 0; column < x.width; column += 4, pair += pairBlock) {
        for (int j = 2; j < 6; ++j) inputColumn(columns, column + j - 1, t[j]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          __m512 first[4], second[4];
          inputRow(t, i, first);
          inputRow(t + 2, i, second);
          for (int j = 0; j < 4; ++j) _mm512_storeu_si512(pair + (4 * i + j) * positionStride, interleaved(first[j], second[j]));
          t[0][i] = t[4][i];
          t[1][i] = t[5][i];
        }
      }
    }
  }
}

/// Column j of A ∂y Aᵀ's rows: A of a column of two outputs.
YOLOV9_INLINE void gradientColumn(const Columns& columns, int64_t column, __m512 (&t)[4]) {
  __m512 d[2];
  Columns::read(columns, column, d);
  transformGradient(d[0], d[1], t);
}

/// A ∂y Aᵀ of every two neighbouring tiles, laid out as pairInputs does.
void pairGradients(const TileRows& dy, BFloat16Bits* to, int64_t positionStride) {
  const int64_t pairs = dy.pairs() / dy.count;
  for (int64_t row = 0; row < dy.count; ++row) {
    for (int64_t channel = 0; channel < dy.channels; channel += lanes) {
      const Columns columns(dy, row, 0, 2, channel);
      BFloat16Bits* pair = to + (channel / lanes * dy.count + row) * pairs * pairBlock;
      for (int64_t column = 0; column < dy.width; column += 4, pair += pairBlock) {
        __m512 t[4][4];
        for (int j = 0; j < 4; ++j) gradientColumn(columns, column + j, t[j]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          __m512 first[4], second[4];
          transformGradient(t[0][i], t[1][i], first);
          transformGradient(t[2][i], t[3][i], second);
          for (int j = 0; j < 4; ++j) _mm512_storeu_si512(pair + (4 * i + j) * positionStride, interleaved(first[j], second[j]));
        }
      }
    }
  }
}

void addGradient(const TileRows& x, const TileRows& dy, BFloat16Bits* xPairs, BFloat16Bits* dyPairs, float* sums, bool fresh) {
  const int64_t xStride = tilePairsSize(x) / tilePositions, dyStride = tilePairsSize(dy) / tilePositions, blockStride = x.pairs() * pairBlock;
  pairInputs(x, xPairs, xStride);
  pairGradients(dy, dyPairs, dyStride);
  for (int64_t position = 0; position < tilePositions; ++position, sums += dy.channels * x.channels) {
    addPairProducts({dyPairs + position * dyStride, 0, blockStride, dy.channels}, {xPairs + position * xStride, 0, blockStride, x.channels}, {1, x.pairs()}, sums, fresh);
  }
}

void finishGradient(float* sums, int64_t threads, int64_t threadStride, int64_t positionStride, int64_t first, int64_t count) {
  for (float* at = sums + first * lanes; count > 0; --count, at += lanes) {
    __m512 columns[4][3];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      __m512 u[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const float* found = at + (4 * i + j) * positionStride;
        u[i] = _mm512_loadu_ps(found);
        for (int64_t thread = 1; thread < threads; ++thread) u[i] = _mm512_add_ps(u[i], _mm512_loadu_ps(found + thread * threadStride));
      }
      transformProducts(u, columns[j]);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      const __m512 u[4] = {columns[0][i], columns[1][i], columns[2][i], columns[3][i]};
      __m512 g[3];
      transformProducts(u, g);
      for (int j = 0; j < 3; ++j) _mm512_storeu_ps(at + (3 * i + j) * positionStride, g[j]);
    }
  }
}

constexpr WinogradGradientKernels kernels{addGradient, finishGradient};

}  // namespace

const WinogradGradientKernels* avx512WinogradGradient() { return hasAvx512BFloat16() ? &kernels : nullptr; }

#else

const WinogradGradientKernels* avx512WinogradGradient() { return nullptr; }

#endif

}  // namespace bridge
