// The strip of weight-gradient-strip.h with the processor's bfloat16 dot product, which multiplies pairs: two neighbouring pixels of
// one channel. Pixels are therefore packed two by two first, dy and x alike; then everything is one instruction repeated.
#include "weight-gradient-strip.h"

#include "pair-products.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

/// Sixteen channels of a pixel in the low halves of 32-bit lanes; zero for a pixel outside the image.
YOLOV9_INLINE __m512i pixelLanes(const BFloat16Bits* pixel, __mmask16 mask) {
  return pixel ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, pixel)) : _mm512_setzero_si512();
}

/// Two blocks of channels of a pair of pixels, interleaved.
YOLOV9_INLINE void packTwoBlocks(const BFloat16Bits* left, const BFloat16Bits* right, __m512i low, __m512i high, BFloat16Bits* packed, int64_t blockStride) {
  const __m512i first = left ? _mm512_loadu_si512(left) : _mm512_setzero_si512(), second = right ? _mm512_loadu_si512(right) : _mm512_setzero_si512();
  _mm512_storeu_si512(packed, _mm512_permutex2var_epi16(first, low, second));
  _mm512_storeu_si512(packed + blockStride, _mm512_permutex2var_epi16(first, high, second));
}

/// Packs a row of pixels, null for one outside the image: packed[block][pair][16 channels][2 pixels], blocks `blockStride` apart.
void packRow(const BFloat16Bits* row, int64_t width, int64_t channels, const ColumnPairs& pairs, int64_t stride, BFloat16Bits* packed,
             int64_t blockStride) {
  alignas(64) uint16_t order[2][2 * channelBlock];
  for (int64_t i = 0; i < 2 * channelBlock; ++i) {
    order[0][i] = static_cast<uint16_t>(i / 2 + i % 2 * 2 * channelBlock);
    order[1][i] = static_cast<uint16_t>(order[0][i] + channelBlock);
  }
  const __m512i low = _mm512_load_si512(order[0]), high = _mm512_load_si512(order[1]);
  for (int64_t c = 0; c < channels;) {
    const bool two = channels - c >= 2 * channelBlock;
    const __mmask16 mask = channels - c >= channelBlock ? 0xffff : firstLanes(channels - c);
    BFloat16Bits* to = packed + c / channelBlock * blockStride;
    for (int64_t pair = 0; pair < pairs.count; ++pair, to += pairBlock) {
      const int64_t column = pairs.start + 2 * pair * stride;
      const auto pixel = [&](int64_t at) { return row && at >= 0 && at < width ? row + at * channels + c : nullptr; };
      if (two) {
        packTwoBlocks(pixel(column), pixel(column + stride), low, high, to, blockStride);
      } else {
        const __m512i left = pixelLanes(pixel(column), mask), right = pixelLanes(pixel(column + stride), mask);
        _mm512_storeu_si512(to, _mm512_or_si512(left, _mm512_slli_epi32(right, 16)));
      }
    }
    c += two ? 2 * channelBlock : channelBlock;
  }
}

void addStrip(const Strip& s, BFloat16Bits* packed, float* sums) {
  const int64_t outBlocks = blocksOf(s.outChannels), inBlocks = blocksOf(s.inChannels), dyRow = s.pairs() * pairBlock;
  const PackedRows dy{packed, dyRow, s.rows * dyRow, s.outChannels};
  for (int64_t row = 0; row < s.rows; ++row) {
    const BFloat16Bits* pixels = s.dy + (s.first + row) * s.width * s.outChannels;
    packRow(pixels, s.width, s.outChannels, {0, s.pairs()}, 1, packed + row * dyRow, dy.blockStride);
  }
  packed += outBlocks * dy.blockStride;
  PackedRows x[3];
  for (int64_t i = 0; i < s.pairings(); ++i) {
    const ColumnPairs pairs = s.pairing(i);
    const int64_t xRow = pairs.count * pairBlock;
    x[i] = {packed, xRow, s.inputRows() * xRow, s.inChannels};
    for (int64_t row = 0; row < s.inputRows(); ++row) {
      const int64_t y = s.first * s.stride + row - s.margin();
      const BFloat16Bits* pixels = y >= 0 && y < s.inHeight ? s.x + y * s.inWidth * s.inChannels : nullptr;
      packRow(pixels, s.inWidth, s.inChannels, pairs, s.stride, packed + row * xRow, x[i].blockStride);
    }
    packed += inBlocks * x[i].blockStride;
  }
  const int64_t tapSize = outBlocks * s.inChannels * channelBlock;
  for (int64_t kh = 0; kh < s.kernel; ++kh) {
    for (int64_t kw = 0; kw < s.kernel; ++kw, sums += tapSize) {
      PackedRows seen = x[s.pairingOf(kw)];
      seen.data += kh * seen.rowStride + s.offsetOf(kw) * pairBlock;
      seen.rowStride *= s.stride;
      addPairProducts(dy, seen, {s.rows, s.pairs()}, sums, s.fresh);
    }
  }
}

/// Sixteen input channels of every output channel at a time, transposed on their way.
float addUp(const TapBlock& b) {
  __m512 squares = _mm512_setzero_ps();
  for (int64_t i = 0; i < b.inChannels; i += lanes) {
    const int64_t count = b.inChannels - i < lanes ? b.inChannels - i : lanes;
    __m512i rows[lanes];
#pragma GCC unroll 16
    for (int c = 0; c < lanes; ++c) {
      __m512 total = _mm512_setzero_ps();
      const float* found = b.sums + (i + c) * channelBlock;
      for (int64_t thread = 0; c < count && thread < b.threads; ++thread, found += b.threadStride) total = _mm512_add_ps(total, _mm512_loadu_ps(found));
      rows[c] = _mm512_castps_si512(total);
    }
    transpose(rows);
    float* target = b.target + i * b.inStride;
    const __mmask16 mask = static_cast<__mmask16>((1u << count) - 1);
    const __m512i places = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                              _mm512_set1_epi32(static_cast<int>(b.inStride)));
#pragma GCC unroll 16
    for (int o = 0; o < lanes; ++o) {
      if (o >= b.outChannels) break;
      const __m512 gradients = _mm512_castsi512_ps(rows[o]);
      squares = _mm512_fmadd_ps(gradients, gradients, squares);
      if (b.inStride == 1) {
        _mm512_mask_storeu_ps(target + o * b.outStride, mask, gradients);
      } else {
        _mm512_mask_i32scatter_ps(target + o * b.outStride, mask, places, gradients, sizeof(float));
      }
    }
  }
  return _mm512_reduce_add_ps(squares);
}

constexpr WeightGradientKernels kernels{addStrip, addUp};

}  // namespace

const WeightGradientKernels* avx512WeightGradient() { return hasAvx512BFloat16() ? &kernels : nullptr; }

#else

const WeightGradientKernels* avx512WeightGradient() { return nullptr; }

#endif

}  // namespace bridge
