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

/// sums[block][pixel][16] of `blocks` blocks of output channels and `pixels` pixels of a row from `first` on.
template <int blocks, int pixels>
void sumTile(const PixelSums& s, const PixelRow& row, int64_t first, const BFloat16Bits* weights, float* sums) {
  constexpr int bases = (pixels + pixelsPerBase - 1) / pixelsPerBase;
  const int64_t step = s.pixelStep, blockStride = s.runs * s.pairs * pairBlock;
  __m512 total[blocks][pixels];
#pragma GCC unroll 2
  for (int b = 0; b < blocks; ++b) {
#pragma GCC unroll 28
    for (int p = 0; p < pixels; ++p) total[b][p] = _mm512_setzero_ps();
  }
  for (int64_t run = 0; run < s.runs; ++run) {
    const BFloat16Bits* base[bases];
    for (int i = 0; i < bases; ++i) base[i] = row.runs[run] + (first + i * pixelsPerBase) * step;
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

using SumTile = void (*)(const PixelSums& s, const PixelRow& row, int64_t first, const BFloat16Bits* weights, float* sums);

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

/// Brings what is read next nearer while sums are made, some lines of memory after every tile.
class Prefetch {
 public:
  Prefetch(const PixelRow& row, int64_t tiles) : at_(row.next), end_(row.next + row.nextSize), portion_(row.nextSize / tiles + lineSize) {}
  void someMore() {
    for (const BFloat16Bits* stop = at_ + portion_; at_ < stop && at_ < end_; at_ += lineSize) _mm_prefetch(at_, _MM_HINT_T0);
  }

 private:
  static constexpr int64_t lineSize = 32;
  const BFloat16Bits *at_, *end_;
  int64_t portion_;
};

template <int blocks>
int64_t tilesOf(int64_t count) {
  constexpr int64_t largest = largestTile / blocks;
  return (count + largest - 1) / largest;
}

/// `blocks` blocks of output channels from `channel` on, in tiles as even as possible.
template <int blocks>
void convolveBlocks(const PixelSums& s, const PixelRow& row, int64_t channel, Prefetch& prefetch) {
  static const TileTable<blocks> table;
  const BFloat16Bits* weights = s.weights + channel / outBlock * s.runs * s.pairs * pairBlock;
  const int64_t tiles = tilesOf<blocks>(row.count);
  alignas(64) float sums[largestTile * outBlock];
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = tile * row.count / tiles, pixels = (tile + 1) * row.count / tiles - first;
    table.entries[pixels](s, row, first, weights, sums);
    prefetch.someMore();
    for (int b = 0; b < blocks; ++b) {
      const int64_t c = channel + b * outBlock;
      finishTile(s, sums + b * pixels * outBlock, c, offset(row.residual, first, c), offset(row.y, first, c), pixels);
    }
  }
}

void convolve(const PixelSums& s, const PixelRow& row) {
  Prefetch prefetch(row, (s.outChannels + 2 * outBlock - 1) / (2 * outBlock) * tilesOf<2>(row.count));
  int64_t channel = 0;
  for (; channel + outBlock < s.outChannels; channel += 2 * outBlock) convolveBlocks<2>(s, row, channel, prefetch);
  if (channel < s.outChannels) convolveBlocks<1>(s, row, channel, prefetch);
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

void copyRow(const BorderedRow& r, BFloat16Bits* copy) {
  const int64_t channels = r.copiedChannels(), room = r.columns - r.margin;
  const int64_t width = !r.pixels ? 0 : r.width < room ? r.width : room;
  std::memset(copy, 0, r.margin * channels * sizeof(BFloat16Bits));
  if (width > 0) copyPixels(r.pixels, r.pixelStride, r.channels, width, copy + r.margin * channels, channels);
  std::memset(copy + (r.margin + width) * channels, 0, (room - width) * channels * sizeof(BFloat16Bits));
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
  static const ConvolutionRows rows{convolve, copyRow, packBlock};
  return hasAvx512BFloat16() ? &rows : nullptr;
}

#else

const ConvolutionRows* avx512ConvolutionRows() { return nullptr; }

#endif

}  // namespace bridge
