// The pixels of convolution-rows.h with the processor's bfloat16 dot product, which multiplies pairs: two neighbouring input channels.
// A tile of pixels times one or two blocks of output channels stays in registers while all that it sums passes by.
#include "convolution-rows.h"

#include "avx512.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

constexpr int64_t pairBlock = 2 * outBlock;

YOLOV9_INLINE __m512bh weightsAt(const BFloat16Bits* at) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(at)); }
YOLOV9_INLINE __m512bh pairEverywhere(const BFloat16Bits* at) {
  int32_t pair;
  std::memcpy(&pair, at, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

/// Pixels that an address and multiples of one step reach without a register of their own.
constexpr int pixelsPerBase = 5;

/// sums[block][pixel][16] of `blocks` blocks of output channels and `pixels` pixels.
template <int blocks, int pixels>
void sumTile(const PixelSums& s, const BFloat16Bits* x, const BFloat16Bits* weights, float* sums) {
  constexpr int bases = (pixels + pixelsPerBase - 1) / pixelsPerBase;
  const int64_t step = s.pixelStep, blockStride = s.runs * s.pairs * pairBlock;
  __m512 total[blocks][pixels];
#pragma GCC unroll 2
  for (int b = 0; b < blocks; ++b) {
#pragma GCC unroll 28
    for (int p = 0; p < pixels; ++p) total[b][p] = _mm512_setzero_ps();
  }
  for (int64_t run = 0; run < s.runs; ++run, x += s.runStride) {
    const BFloat16Bits* base[bases];
    for (int i = 0; i < bases; ++i) base[i] = x + i * pixelsPerBase * step;
    for (int64_t pair = 0; pair < s.pairs; ++pair, weights += pairBlock) {
      __m512bh block[blocks];
      for (int b = 0; b < blocks; ++b) block[b] = weightsAt(weights + b * blockStride);
#pragma GCC unroll 28
      for (int p = 0; p < pixels; ++p) {
        const __m512bh input = pairEverywhere(base[p / pixelsPerBase] + p % pixelsPerBase * step);
        for (int b = 0; b < blocks; ++b) total[b][p] = _mm512_dpbf16_ps(total[b][p], block[b], input);
      }
      for (int i = 0; i < bases; ++i) base[i] += 2;
    }
  }
#pragma GCC unroll 2
  for (int b = 0; b < blocks; ++b) {
#pragma GCC unroll 28
    for (int p = 0; p < pixels; ++p) _mm512_storeu_ps(sums + (b * pixels + p) * outBlock, total[b][p]);
  }
}

using SumTile = void (*)(const PixelSums& s, const BFloat16Bits* x, const BFloat16Bits* weights, float* sums);

/// Pixels of the largest tile of one block of output channels; half as many of two.
constexpr int largestTile = 28;

/// sumTile by number of pixels, up to `pixels`.
template <int blocks, int pixels>
struct Tiles {
  static void list(SumTile* table) {
    if constexpr (pixels > 0) {
      table[pixels] = sumTile<blocks, pixels>;
      Tiles<blocks, pixels - 1>::list(table);
    }
  }
};

template <int blocks>
struct TileTable {
  SumTile entries[largestTile / blocks + 1];
  TileTable() { Tiles<blocks, largestTile / blocks>::list(entries); }
};

template <Activation activation>
YOLOV9_INLINE __m512 activated(__m512 z) {
  if constexpr (activation == Activation::silu) return _mm512_mul_ps(z, sigmoid<BFloat16Bits>(z));
  if constexpr (activation == Activation::relu) return _mm512_max_ps(z, _mm512_setzero_ps());
  return z;
}

/// Bias, activation and residual of the sums of one block of output channels, and rounding.
template <Activation activation, typename Mask>
void finishBlock(const float* sums, const float* bias, Pixels residual, Pixels y, int64_t count, Mask mask) {
  const __m512 added = bias ? loadLanes(bias, mask) : _mm512_setzero_ps();
  for (int64_t p = 0; p < count; ++p) {
    __m512 value = activated<activation>(_mm512_add_ps(_mm512_loadu_ps(sums + p * outBlock), added));
    if (residual.data) value = _mm512_add_ps(value, loadLanes(residual.data + p * residual.pixelStride, mask));
    storeLanes(y.data + p * y.pixelStride, value, mask);
  }
}

template <Activation activation>
void finish(const float* sums, const float* bias, Pixels residual, Pixels y, int64_t count, int64_t channels) {
  if (channels >= outBlock) {
    finishBlock<activation>(sums, bias, residual, y, count, AllLanes{});
  } else {
    finishBlock<activation>(sums, bias, residual, y, count, firstLanes(channels));
  }
}

void finishTile(const PixelSums& s, const float* sums, int64_t channel, Pixels residual, Pixels y, int64_t count) {
  const auto finishAs = s.activation == Activation::silu ? finish<Activation::silu> : s.activation == Activation::relu ? finish<Activation::relu> : finish<Activation::identity>;
  finishAs(sums, s.bias ? s.bias + channel : nullptr, residual, y, count, s.outChannels - channel);
}

YOLOV9_INLINE Pixels offset(Pixels pixels, int64_t pixel, int64_t channel) {
  return {pixels.data ? pixels.data + pixel * pixels.pixelStride + channel : nullptr, pixels.pixelStride};
}

/// `blocks` blocks of output channels from `channel` on, in tiles as even as possible.
template <int blocks>
void convolveBlocks(const PixelSums& s, const BFloat16Bits* x, int64_t channel, Pixels residual, Pixels y, int64_t count) {
  static const TileTable<blocks> table;
  constexpr int64_t largest = largestTile / blocks;
  const BFloat16Bits* weights = s.weights + channel / outBlock * s.runs * s.pairs * pairBlock;
  const int64_t tiles = (count + largest - 1) / largest;
  alignas(64) float sums[largestTile * outBlock];
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = tile * count / tiles, pixels = (tile + 1) * count / tiles - first;
    table.entries[pixels](s, x + first * s.pixelStep, weights, sums);
    for (int b = 0; b < blocks; ++b) {
      const int64_t c = channel + b * outBlock;
      finishTile(s, sums + b * pixels * outBlock, c, offset(residual, first, c), offset(y, first, c), pixels);
    }
  }
}

void convolve(const PixelSums& s, const BFloat16Bits* x, Pixels residual, Pixels y, int64_t count) {
  int64_t channel = 0;
  for (; channel + outBlock < s.outChannels; channel += 2 * outBlock) convolveBlocks<2>(s, x, channel, residual, y, count);
  if (channel < s.outChannels) convolveBlocks<1>(s, x, channel, residual, y, count);
}

YOLOV9_INLINE __mmask32 firstWords(int64_t count) { return count >= 32 ? ~0u : (1u << count) - 1; }

void copyPixels(const BFloat16Bits* from, int64_t fromStride, int64_t channels, int64_t count, BFloat16Bits* to, int64_t toStride) {
  if (fromStride == toStride && channels == toStride) channels = toStride = count * channels, count = 1;
  for (int64_t p = 0; p < count; ++p, from += fromStride, to += toStride) {
    for (int64_t c = 0; c < toStride; c += 32) {
      const int64_t given = channels - c > 0 ? channels - c : 0;
      _mm512_mask_storeu_epi16(to + c, firstWords(toStride - c), _mm512_maskz_loadu_epi16(firstWords(given), from + c));
    }
  }
}

void copyRows(const BorderedRows& r, BFloat16Bits* copy) {
  const int64_t channels = r.copiedChannels();
  const int64_t begin = r.firstColumn > 0 ? r.firstColumn : 0;
  const int64_t last = r.firstColumn + r.columns, end = last < r.width ? last : r.width;
  for (int64_t row = r.first; row < r.first + r.count; ++row, copy += r.rowSize()) {
    const bool inside = row >= 0 && row < r.height;
    const int64_t left = inside ? begin - r.firstColumn : r.columns, right = inside ? last - end : 0;
    std::memset(copy, 0, left * channels * sizeof(BFloat16Bits));
    std::memset(copy + (r.columns - right) * channels, 0, right * channels * sizeof(BFloat16Bits));
    if (inside) copyPixels(r.image + (row * r.width + begin) * r.pixelStride, r.pixelStride, r.channels, end - begin, copy + left * channels, channels);
  }
}

/// Sixteen weights `stride` apart, zero beyond the mask.
YOLOV9_INLINE __m512 stridedLanes(const float* at, int64_t stride, __mmask16 mask) {
  if (stride == 1) return _mm512_maskz_loadu_ps(mask, at);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i index = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int32_t>(stride)));
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, index, at, sizeof(float));
}

void packBlock(const WeightLayout& l, int64_t block, BFloat16Bits* packed) {
  const int64_t first = block * outBlock;
  const __mmask16 mask = l.outChannels - first >= outBlock ? 0xffff : firstLanes(l.outChannels - first);
  for (int64_t kh = 0; kh < l.kernel; ++kh) {
    for (int64_t kw = 0; kw < l.kernel; ++kw) {
      const float* tap = l.weights + first * l.outStride + kh * l.rowStride + kw * l.columnStride;
      for (int64_t i = 0; i < l.inChannels; i += 2, packed += pairBlock) {
        const __m512 even = stridedLanes(tap + i * l.inStride, l.outStride, mask);
        const __m512 odd = stridedLanes(tap + (i + 1) * l.inStride, l.outStride, i + 1 < l.inChannels ? mask : 0);
        const __m512i low = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(even)));
        const __m512i high = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(odd)));
        _mm512_storeu_si512(packed, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
    }
  }
}

}  // namespace

const ConvolutionRows* avx512ConvolutionRows() {
  static const ConvolutionRows rows{convolve, copyRows, packBlock};
  return hasAvx512BFloat16() ? &rows : nullptr;
}

#else

const ConvolutionRows* avx512ConvolutionRows() { return nullptr; }

#endif

}  // namespace bridge
