// Sums over pixels of one tensor's channels times another's: what gradients of weights are. Two pixels of a channel lie together.
#pragma once

#include "dot-products.h"

#if defined(YOLOV9_AVX512)

namespace bridge {
namespace {

/// Rows of pairs of pixels: data[block of 16 channels][row][pair][16][2]
struct PackedRows {
  const BFloat16Bits* data;
  int64_t rowStride, blockStride, channels;
};

/// How many rows, and pairs of each, are multiplied.
struct PairCount {
  int64_t rows, pairs;
};

/// sums[block][input][16] += Σ dy · x for `blocks` blocks of output channels and `inputs` input channels.
template <int blocks, int inputs>
void addPairs(PairBlocks dy, int64_t dyRowStride, PairInputs x, int64_t xRowStride, const PairCount& count, float* sums, int64_t blockStride, bool fresh) {
  __m512 total[blocks][inputs];
  for (int b = 0; b < blocks; ++b) {
    for (int i = 0; i < inputs; ++i) total[b][i] = fresh ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + b * blockStride + i * lanes);
  }
  x.step = 2, x.advance = pairBlock;  // known here, they need no registers
  for (int64_t row = 0; row < count.rows; ++row, dy.data += dyRowStride, x.data += xRowStride) addProducts(total, x, dy, count.pairs);
  for (int b = 0; b < blocks; ++b) {
    for (int i = 0; i < inputs; ++i) _mm512_storeu_ps(sums + b * blockStride + i * lanes, total[b][i]);
  }
}

/// sums[block of output channels][input channel][16] += Σ dy · x. Input channels are a multiple of 8.
inline void addPairProducts(const PackedRows& dy, const PackedRows& x, const PairCount& count, float* sums, bool fresh) {
  const int64_t sumStride = x.channels * lanes, outBlocks = (dy.channels + lanes - 1) / lanes;
  for (int64_t i = 0; i < x.channels;) {
    const BFloat16Bits* inputs = x.data + i / lanes * x.blockStride;
    const bool sixteen = x.channels - i >= lanes;
    for (int64_t o = 0; o < outBlocks;) {
      const bool two = outBlocks - o >= 2;
      const auto add = [&](auto kernel, int64_t first) {
        kernel({dy.data + o * dy.blockStride, dy.blockStride}, dy.rowStride, {inputs + 2 * first, 2, pairBlock}, x.rowStride, count,
               sums + o * sumStride + (i + first) * lanes, sumStride, fresh);
      };
      if (two) {
        add(addPairs<2, 8>, 0);
        if (sixteen) add(addPairs<2, 8>, 8);
      } else if (sixteen) {
        add(addPairs<1, 16>, 0);
      } else {
        add(addPairs<1, 8>, 0);
      }
      o += two ? 2 : 1;
    }
    i += lanes;
  }
}

}  // namespace
}  // namespace bridge
#endif
