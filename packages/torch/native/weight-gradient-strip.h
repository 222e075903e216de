// Some rows of an image's share in the gradient of weights: pointers and counts only.
#pragma once

#include "vectorised.h"

namespace bridge {

/// Channels that lie together in packed memory, and lanes of a vector.
constexpr int64_t channelBlock = 16;

constexpr int64_t blocksOf(int64_t channels) { return (channels + channelBlock - 1) / channelBlock; }

/// Columns of x two by two as one of the kernel's columns meets them: pair p is columns start + 2 · p · stride and one stride further.
struct ColumnPairs {
  int64_t start, count;
};

/// Output rows `first` … `first + rows − 1` of one image.
struct Strip {
  const BFloat16Bits *x, *dy;  // the whole image, channels-last
  int64_t inHeight, inWidth, height, width, inChannels, outChannels;
  int64_t kernel, stride;  // 1 or 3, and 1 or 2
  int64_t first, rows;
  bool fresh;  // whether the sums hold nothing yet

  int64_t margin() const { return kernel / 2; }
  /// Pairs of pixels in an output row.
  int64_t pairs() const { return (width + 1) / 2; }
  /// Input rows that the strip looks at, those outside the image included.
  int64_t inputRows() const { return (rows - 1) * stride + kernel; }

  /// At stride 1 the outer columns of a kernel share their pairs, one pair apart; at stride 2 every column has its own.
  int64_t pairings() const { return kernel == 1 ? 1 : stride == 1 ? 2 : 3; }
  ColumnPairs pairing(int64_t index) const {
    const bool shared = kernel == 3 && stride == 1 && index == 0;
    return {index - margin(), pairs() + (shared ? 1 : 0)};
  }
  int64_t pairingOf(int64_t kernelColumn) const { return stride == 1 ? kernelColumn % 2 : kernelColumn; }
  int64_t offsetOf(int64_t kernelColumn) const { return stride == 1 ? kernelColumn / 2 : 0; }

  /// Elements of packed memory: dy, and x in every pairing.
  int64_t packedSize() const {
    int64_t pairsOfInputRow = 0;
    for (int64_t i = 0; i < pairings(); ++i) pairsOfInputRow += pairing(i).count;
    return 2 * channelBlock * (blocksOf(outChannels) * rows * pairs() + blocksOf(inChannels) * inputRows() * pairsOfInputRow);
  }
};

/// One tap's gradients of a block of output channels: where they are found, one after another for every thread, and where they go.
struct TapBlock {
  const float* sums;  // [threads][input channel][16], `threadStride` apart
  int64_t threads, threadStride, inChannels, outChannels;
  float* target;
  int64_t outStride, inStride;
};

struct WeightGradientKernels {
  /// Adds the strip's products to sums[tap][block of output channels][input channel][16].
  void (*addStrip)(const Strip& strip, BFloat16Bits* packed, float* sums);
  /// Adds up what the threads found. @returns the sum of its squares
  float (*addUp)(const TapBlock& block);
};

/// Null where the processor has no bfloat16 dot product.
const WeightGradientKernels* avx512WeightGradient();

}  // namespace bridge
