// Some rows of an image's share in the gradient of weights: pointers and counts only.
#pragma once

#include "vectorised.h"

namespace bridge {

/// Channels that lie together in packed memory, and lanes of a vector.
constexpr int64_t channelBlock = 16;

constexpr int64_t blocksOf(int64_t channels) { return (channels + channelBlock - 1) / channelBlock; }

/// Output rows `first` … `first + rows − 1` of one image.
struct Strip {
  const BFloat16Bits *x, *dy;  // the whole image, channels-last
  int64_t height, width, inChannels, outChannels;
  int64_t kernel;  // 1 or 3
  int64_t first, rows;

  /// Pairs of pixels in an output row.
  int64_t pairs() const { return (width + 1) / 2; }
  /// Input rows that the strip looks at, those outside the image included.
  int64_t inputRows() const { return rows + kernel - 1; }
  /// Elements of packed memory: dy, x in pairs that start at even columns, and for 3 × 3 also those that start at odd ones.
  int64_t packedSize() const {
    const int64_t even = 2 * channelBlock * pairs(), odd = kernel == 3 ? 2 * channelBlock * (pairs() + 1) : 0;
    return blocksOf(outChannels) * rows * even + blocksOf(inChannels) * inputRows() * (even + odd);
  }
};

/// Adds the strip's products to sums[tap][block of output channels][input channel][16].
using AddStrip = void (*)(const Strip& strip, BFloat16Bits* packed, float* sums);

/// Null where the processor has no bfloat16 dot product.
AddStrip avx512AddStrip();

}  // namespace bridge
