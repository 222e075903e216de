// The pixels of convolution-rows.h with the processor's bfloat16 dot product, which multiplies pairs: two neighbouring input channels.
// A tile of pixels times one or two blocks of output channels stays in registers while all that it sums passes by.
#include "convolution-rows.h"

#include "activation-lanes.h"
#include "dot-products.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

YOLOV9_INLINE __mmask16 lanesWithin(int64_t count) { return count >= lanes ? 0xffff : count > 0 ? firstLanes(count) : 0; }

/// What is still to be done with sums.
enum class Rest { all, residual, nothing };

/// Where a tile of sums goes: to be finished, sums[block][pixel][16], or, where at most a residual is still to be added, to the output.
struct Target {
  float* sums;
  Pixels residual, y;
  int64_t channels;
};

/// The sums of `blocks` blocks of output channels and `pixels` pixels of a row from `first` on.
template <int blocks, int pixels, Rest rest>
void sumTile(const PixelSums& s, const PixelRow& row, int64_t first, const BFloat16Bits* weights, const Target& target) {
  const int64_t blockStride = s.runs * s.pairs * pairBlock;
  __m512 total[blocks][pixels];
  clear(total);
  for (int64_t run = 0; run < s.runs; ++run, weights += s.pairs * pairBlock) {
    addProducts(total, {row.runs[run] + first * s.pixelStep, s.pixelStep, 2}, {weights, blockStride}, s.pairs);
  }
  if constexpr (rest == Rest::residual) {
#pragma GCC unroll 2
    for (int b = 0; b < blocks; ++b) {
      const __mmask16 mask = lanesWithin(target.channels - b * outBlock);
#pragma GCC unroll 28
      for (int p = 0; p < pixels; ++p) {
        total[b][p] = _mm512_add_ps(total[b][p], loadLanes(target.residual.data + p * target.residual.pixelStride + b * outBlock, mask));
      }
    }
  }
  if constexpr (rest != Rest::all) {
    if (target.channels >= blocks * outBlock) {
#pragma GCC unroll 28
      for (int p = 0; p < pixels; ++p) {
        BFloat16Bits* pixel = target.y.data + p * target.y.pixelStride;
        if constexpr (blocks == 2) {
          _mm512_storeu_si512(pixel, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(total[1][p], total[0][p])));
        } else {
          storeLanes(pixel, total[0][p], AllLanes{});
        }
      }
      return;
    }
  }
#pragma GCC unroll 2
  for (int b = 0; b < blocks; ++b) {
    const __mmask16 mask = lanesWithin(target.channels - b * outBlock);
#pragma GCC unroll 28
    for (int p = 0; p < pixels; ++p) {
      if constexpr (rest != Rest::all) {
        storeLanes(target.y.data + p * target.y.pixelStride + b * outBlock, total[b][p], mask);
      } else {
        _mm512_storeu_ps(target.sums + (b * pixels + p) * outBlock, total[b][p]);
      }
    }
  }
}

using SumTile = void (*)(const PixelSums& s, const PixelRow& row, int64_t first, const BFloat16Bits* weights, const Target& target);

/// Bias, activation and residual of the sums of one block of output channels, and rounding.
template <Activation activation, typename Mask>
void finishBlock(const float* sums, const float* bias, Pixels residual, Pixels y, int64_t count, Mask mask) {
  const __m512 added = bias ? loadLanes(bias, mask) : _mm512_setzero_ps();
  for (int64_t p = 0; p < count; ++p) {
    __m512 value = activated<BFloat16Bits, activation>(_mm512_add_ps(_mm512_loadu_ps(sums + p * outBlock), added));
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
  const auto finishAs = s.activation == Activation::silu   ? finish<Activation::silu>
                        : s.activation == Activation::relu ? finish<Activation::relu>
                                                           : finish<Activation::identity>;
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
    for (const BFloat16Bits* stop = at_ + portion_; at_ < stop && at_ < end_; at_ += lineSize) _mm_prefetch(at_, _MM_HINT_T1);
  }

 private:
  static constexpr int64_t lineSize = 32;
  const BFloat16Bits *at_, *end_;
  int64_t portion_;
};

constexpr int64_t tilesOf(int64_t count, int64_t most) { return (count + most - 1) / most; }

/// `blocks` blocks of output channels from `channel` on, in tiles as even as possible.
template <int blocks, Rest rest>
void convolveBlocks(const PixelSums& s, const PixelRow& row, int64_t channel, Prefetch& prefetch) {
  static const ByNumber<SumTile, largestTile / blocks> sumTiles([](auto pixels) { return sumTile<blocks, pixels.value, rest>; });
  const BFloat16Bits* weights = s.weights + channel / outBlock * s.runs * s.pairs * pairBlock;
  const int64_t tiles = tilesOf(row.count, largestTile / blocks);
  alignas(64) float sums[largestTile * outBlock];
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = tile * row.count / tiles, pixels = (tile + 1) * row.count / tiles - first;
    sumTiles[pixels](s, row, first, weights, {sums, offset(row.residual, first, channel), offset(row.y, first, channel), s.outChannels - channel});
    prefetch.someMore();
    for (int b = 0; b < blocks && rest == Rest::all; ++b) {
      const int64_t c = channel + b * outBlock;
      finishTile(s, sums + b * pixels * outBlock, c, offset(row.residual, first, c), offset(row.y, first, c), pixels);
    }
  }
}

template <Rest rest>
void convolveRow(const PixelSums& s, const PixelRow& row) {
  Prefetch prefetch(row, tilesOf(s.outChannels, 2 * outBlock) * tilesOf(row.count, largestTile / 2));
  int64_t channel = 0;
  for (; channel + outBlock < s.outChannels; channel += 2 * outBlock) convolveBlocks<2, rest>(s, row, channel, prefetch);
  if (channel < s.outChannels) convolveBlocks<1, rest>(s, row, channel, prefetch);
}

void convolve(const PixelSums& s, const PixelRow& row) {
  const bool plain = !s.bias && s.activation == Activation::identity;
  const auto convolveAs = !plain ? convolveRow<Rest::all> : row.residual.data ? convolveRow<Rest::residual> : convolveRow<Rest::nothing>;
  convolveAs(s, row);
}

YOLOV9_INLINE __mmask32 firstWords(int64_t count) { return count >= 32 ? ~0u : (1u << count) - 1; }

/// Neighbouring pixels of few channels, as many at once as a vector takes.
void copyNarrowPixels(const BFloat16Bits* from, int64_t channels, int64_t count, BFloat16Bits* to, int64_t toStride) {
  alignas(64) uint16_t source[32];
  __mmask32 given = 0;
  for (int64_t word = 0; word < 32; ++word) {
    source[word] = static_cast<uint16_t>(word / toStride * channels + word % toStride);
    if (word % toStride < channels) given |= 1u << word;
  }
  const __m512i order = _mm512_load_si512(source);
  const int64_t atOnce = 32 / toStride;
  for (; count > 0; count -= atOnce, from += atOnce * channels, to += 32) {
    const __m512i pixels = _mm512_maskz_loadu_epi16(firstWords((count < atOnce ? count : atOnce) * channels), from);
    _mm512_mask_storeu_epi16(to, firstWords(count * toStride), _mm512_maskz_permutexvar_epi16(given, order, pixels));
  }
}

void copyPixels(const BFloat16Bits* from, int64_t fromStride, int64_t channels, int64_t count, BFloat16Bits* to, int64_t toStride) {
  if (fromStride == channels && 32 % toStride == 0 && channels < toStride) return copyNarrowPixels(from, channels, count, to, toStride);
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

/// Weights of one tap: sixteen pairs of input channels of each output channel, transposed.
void packTap(const WeightLayout& l, const float* tap, int64_t outChannels, BFloat16Bits* packed) {
  for (int64_t i = 0; i < l.inChannels; i += 2 * lanes, tap += 2 * lanes * l.inStride) {
    const __mmask16 first = lanesWithin(l.inChannels - i), second = lanesWithin(l.inChannels - i - lanes);
    __m512i rows[lanes];
#pragma GCC unroll 16
    for (int o = 0; o < lanes; ++o) {
      rows[o] = _mm512_setzero_si512();
      if (o >= outChannels) continue;
      const float* row = tap + o * l.outStride;
      const __m512 low = stridedLanes(row, l.inStride, first), high = stridedLanes(row + lanes * l.inStride, l.inStride, second);
      rows[o] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
    }
    transpose(rows);
#pragma GCC unroll 16
    for (int pair = 0; pair < lanes; ++pair) {
      if (i + 2 * pair >= l.inChannels) break;
      _mm512_storeu_si512(packed, rows[pair]);
      packed += pairBlock;
    }
  }
}

/// The same where output channels are neighbours: two input channels interleaved.
void packTapAcross(const WeightLayout& l, const float* tap, int64_t outChannels, BFloat16Bits* packed) {
  const __mmask16 mask = lanesWithin(outChannels);
  for (int64_t i = 0; i < l.inChannels; i += 2, tap += 2 * l.inStride, packed += pairBlock) {
    const __m512 second = i + 1 < l.inChannels ? loadLanes(tap + l.inStride, mask) : _mm512_setzero_ps();
    _mm512_storeu_si512(packed, interleaved(loadLanes(tap, mask), second));
  }
}

void packBlock(const WeightLayout& l, int64_t block, BFloat16Bits* packed) {
  const auto pack = l.outStride == 1 && l.inStride != 1 ? packTapAcross : packTap;
  const int64_t first = block * outBlock, tapSize = (l.inChannels + 1) / 2 * pairBlock;
  for (int64_t kh = 0; kh < l.kernel; ++kh) {
    for (int64_t kw = 0; kw < l.kernel; ++kw, packed += tapSize) {
      const float* tap = l.weights + first * l.outStride + kh * l.rowStride + kw * l.columnStride;
      pack(l, tap, l.outChannels - first, packed);
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
