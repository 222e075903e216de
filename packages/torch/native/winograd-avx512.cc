// Convolutions of winograd-tiles.h: transforms of sixteen channels at once, and between them a matrix product for each position.
#include "activation-lanes.h"
#include "dot-products.h"
#include "winograd-lanes.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

/// Aᵀ m
YOLOV9_INLINE void transformSums(const __m512 (&m)[4], __m512& first, __m512& second) {
  first = _mm512_add_ps(_mm512_add_ps(m[0], m[1]), m[2]);
  second = _mm512_sub_ps(_mm512_sub_ps(m[1], m[2]), m[3]);
}

/// G g
YOLOV9_INLINE void transformKernel(const __m512 (&g)[3], __m512 (&u)[4]) {
  const __m512 half = lanesOf(0.5f), outer = _mm512_mul_ps(half, _mm512_add_ps(g[0], g[2])), inner = _mm512_mul_ps(half, g[1]);
  u[0] = g[0];
  u[1] = _mm512_add_ps(outer, inner);
  u[2] = _mm512_sub_ps(outer, inner);
  u[3] = g[2];
}

/// Bᵀ d B of every tile: to[position][tile][channel]
void transformInputs(const TileRows& x, BFloat16Bits* to, int64_t positionStride) {
  for (int64_t row = 0; row < x.count; ++row) {
    for (int64_t channel = 0; channel < x.channels; channel += lanes) {
      const Columns columns(x, row, -1, 4, channel);
      BFloat16Bits* tile = to + row * x.across() * x.channels + channel;
      __m512 t[4][4];
      inputColumn(columns, -1, t[0]);
      inputColumn(columns, 0, t[1]);
      for (int64_t column = 0; column < x.width; column += 2, tile += x.channels) {
        inputColumn(columns, column + 1, t[2]);
        inputColumn(columns, column + 2, t[3]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          __m512 v[4];
          inputRow(t, i, v);
          for (int j = 0; j < 4; ++j) storeLanes(tile + (4 * i + j) * positionStride, v[j], AllLanes{});
          t[0][i] = t[2][i];
          t[1][i] = t[3][i];
        }
      }
    }
  }
}

/// sums[tile][16 · blocks] of some tiles at one position
template <int blocks, int tiles>
void multiply(PairInputs x, PairBlocks weights, int64_t pairs, float* sums) {
  __m512 total[blocks][tiles];
  clear(total);
  addProducts(total, x, weights, pairs);
#pragma GCC unroll 28
  for (int i = 0; i < tiles; ++i) {
    for (int b = 0; b < blocks; ++b) _mm512_storeu_ps(sums + (i * blocks + b) * lanes, total[b][i]);
  }
}

using Multiply = void (*)(PairInputs x, PairBlocks weights, int64_t pairs, float* sums);

/// The products of all tiles with one or two blocks of output channels.
template <int blocks>
void multiplyTiles(const TileRows& x, const TileMemory& memory, int64_t inputStride, PairBlocks weights, int64_t weightStride, int64_t sumStride) {
  static const ByNumber<Multiply, largestTile / blocks> multiplied([](auto tiles) { return multiply<blocks, tiles.value>; });
  constexpr int64_t most = largestTile / blocks;
  const int64_t tiles = x.tiles(), parts = (tiles + most - 1) / most;
  for (int64_t position = 0; position < tilePositions; ++position, weights.data += weightStride) {
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = part * tiles / parts, count = (part + 1) * tiles / parts - first;
      multiplied[count]({memory.inputs + position * inputStride + first * x.channels, x.channels, 2}, weights, x.channels / 2,
                        memory.sums + position * sumStride + first * blocks * lanes);
    }
  }
}

YOLOV9_INLINE BFloat16Bits* at(const TileRows& rows, int64_t tileRow, int64_t offset, int64_t channel) {
  BFloat16Bits* row = rows.row(tileRow, offset);
  return row ? row + channel : nullptr;
}

/// Aᵀ m A of every tile, and what follows; sums[position][tile · tileStride + lane], y's channels from `channel` on
template <Activation activation>
void finishTiles(const TileSums& s, const float* sums, int64_t positionStride, int64_t tileStride, const TileRows& residual, const TileRows& y, int64_t channel) {
  const __m512 bias = s.bias ? _mm512_loadu_ps(s.bias + channel) : _mm512_setzero_ps();
  for (int64_t row = 0; row < y.count; ++row) {
    BFloat16Bits* const to[2] = {at(y, row, 0, channel), at(y, row, 1, channel)};
    const BFloat16Bits* const added[2] = {at(residual, row, 0, channel), at(residual, row, 1, channel)};
    const auto finish = [&](__m512 sum, int i, int64_t column) {
      __m512 value = activated<BFloat16Bits, activation>(_mm512_add_ps(sum, bias));
      if (added[i]) value = _mm512_add_ps(value, loadLanes(added[i] + column * residual.pixels.pixelStride, AllLanes{}));
      storeLanes(to[i] + column * y.pixels.pixelStride, value, AllLanes{});
    };
    for (int64_t column = 0; column < y.width; column += 2, sums += tileStride) {
      __m512 t[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        __m512 m[4];
        for (int i = 0; i < 4; ++i) m[i] = _mm512_loadu_ps(sums + (4 * i + j) * positionStride);
        transformSums(m, t[0][j], t[1][j]);
      }
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        if (!to[i]) continue;
        __m512 left, right;
        transformSums(t[i], left, right);
        finish(left, i, column);
        if (column + 1 < y.width) finish(right, i, column + 1);
      }
    }
  }
}

void convolve(const TileSums& s, const TileRows& x, const TileRows& residual, const TileRows& y, const TileMemory& memory) {
  const int64_t inputStride = x.tiles() * x.channels + positionGap, blockSize = x.channels / 2 * pairBlock;
  transformInputs(x, memory.inputs, inputStride);
  const auto finish = s.activation == Activation::silu   ? finishTiles<Activation::silu>
                      : s.activation == Activation::relu ? finishTiles<Activation::relu>
                                                         : finishTiles<Activation::identity>;
  for (int64_t channel = 0; channel < y.channels;) {
    const int64_t blocks = y.channels - channel > lanes ? 2 : 1, sumStride = x.tiles() * blocks * lanes + positionGap;
    (blocks == 2 ? multiplyTiles<2> : multiplyTiles<1>)(x, memory, inputStride, {s.weights + channel / lanes * blockSize, blockSize},
                                                        y.channels / lanes * blockSize, sumStride);
    for (int64_t block = 0; block < blocks; ++block, channel += lanes) {
      finish(s, memory.sums + block * lanes, sumStride, blocks * lanes, residual, y, channel);
    }
  }
}

/// G g Gᵀ of sixteen kernels, `stride` apart: u[4 · row + column]
YOLOV9_INLINE void transformKernels(const WeightLayout& l, const float* kernel, int64_t stride, __m512 (&u)[tilePositions]) {
  __m512 columns[3][4];
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    __m512 g[3];
    for (int i = 0; i < 3; ++i) g[i] = stridedLanes(kernel + i * l.rowStride + j * l.columnStride, stride, 0xffff);
    transformKernel(g, columns[j]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 g[3] = {columns[0][i], columns[1][i], columns[2][i]};
    __m512 row[4];
    transformKernel(g, row);
    for (int j = 0; j < 4; ++j) u[4 * i + j] = row[j];
  }
}

/// Lanes are output channels: two input channels interleaved make a pair.
void packAcross(const WeightLayout& l, const float* kernels, BFloat16Bits* packed, int64_t positionStride) {
  for (int64_t i = 0; i < l.inChannels; i += 2, packed += pairBlock) {
    __m512 first[tilePositions], second[tilePositions];
    transformKernels(l, kernels + i * l.inStride, l.outStride, first);
    transformKernels(l, kernels + (i + 1) * l.inStride, l.outStride, second);
#pragma GCC unroll 16
    for (int position = 0; position < tilePositions; ++position) {
      _mm512_storeu_si512(packed + position * positionStride, interleaved(first[position], second[position]));
    }
  }
}

/// Lanes are input channels, pairs of them already: sixteen output channels are transposed.
void packAlong(const WeightLayout& l, const float* kernels, BFloat16Bits* packed, int64_t positionStride) {
  alignas(64) BFloat16Bits rows[tilePositions][lanes][pairBlock];
  for (int64_t i = 0; i < l.inChannels; i += 2 * lanes) {
    const int64_t count = l.inChannels - i < 2 * lanes ? lanes : 2 * lanes;
    for (int o = 0; o < lanes; ++o) {
      for (int64_t c = 0; c < count; c += lanes) {
        __m512 u[tilePositions];
        transformKernels(l, kernels + o * l.outStride + (i + c) * l.inStride, l.inStride, u);
#pragma GCC unroll 16
        for (int position = 0; position < tilePositions; ++position) storeLanes(rows[position][o] + c, u[position], AllLanes{});
      }
    }
    for (int position = 0; position < tilePositions; ++position) {
      __m512i pairs[lanes];
#pragma GCC unroll 16
      for (int o = 0; o < lanes; ++o) pairs[o] = _mm512_load_si512(rows[position][o]);
      transpose(pairs);
      BFloat16Bits* to = packed + position * positionStride + i / 2 * pairBlock;
      for (int pair = 0; pair < count / 2; ++pair) _mm512_storeu_si512(to + pair * pairBlock, pairs[pair]);
    }
  }
}

void packBlock(const WeightLayout& l, int64_t block, BFloat16Bits* packed) {
  const int64_t blockSize = l.inChannels / 2 * pairBlock, positionStride = l.outChannels / lanes * blockSize;
  const auto pack = l.outStride < l.inStride ? packAcross : packAlong;
  pack(l, l.weights + block * lanes * l.outStride, packed + block * blockSize, positionStride);
}

constexpr WinogradKernels kernels{convolve, packBlock};

}  // namespace

const WinogradKernels* avx512Winograd() { return hasAvx512BFloat16() ? &kernels : nullptr; }

#else

const WinogradKernels* avx512Winograd() { return nullptr; }

#endif

}  // namespace bridge
