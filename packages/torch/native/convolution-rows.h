// Output pixels of a bfloat16 convolution, weights packed for them, and rows of an image with borders: pointers and counts only.
#pragma once

#include "activation-codes.h"
#include "vectorised.h"

namespace bridge {

/// Output channels that one vector holds.
constexpr int64_t outBlock = 16;

/// Channels-last bfloat16 pixels, `pixelStride` elements apart: a slice of the channels of a wider tensor has a larger one than
/// it has channels. Rows and images follow without gaps.
struct Pixels {
  BFloat16Bits* data;
  int64_t pixelStride;
};

/// Rows of the largest kernel.
constexpr int64_t mostRuns = 3;

/// What all output pixels share: each sums `runs` runs of `pairs` pairs of neighbouring input elements, a run being a row of the
/// kernel, times weights[block of output channels][run][pair][16][2].
struct PixelSums {
  const BFloat16Bits* weights;
  const float* bias;  // null: none
  Activation activation;
  int64_t outChannels, runs, pairs;
  int64_t pixelStep;  // elements of the input from output pixel to output pixel
};

/// Neighbouring output pixels: where the runs of the first begin, and memory of the input that will be read next.
struct PixelRow {
  const BFloat16Bits* runs[mostRuns];
  Pixels residual;  // added after the activation; data null: none
  Pixels y;
  int64_t count;
  const BFloat16Bits* next;
  int64_t nextSize;
};

/// A row of an image between columns of zeros, or nothing but zeros.
struct BorderedRow {
  const BFloat16Bits* pixels;  // null: outside the image
  int64_t pixelStride, width, channels;
  int64_t margin, columns;  // columns before the first pixel, and all columns

  /// Channels in the copy, an even number.
  int64_t copiedChannels() const { return (channels + 1) / 2 * 2; }
  int64_t copiedSize() const { return columns * copiedChannels(); }
};

/// Float32 weights as they lie in memory.
struct WeightLayout {
  const float* weights;
  int64_t outChannels, inChannels, kernel;
  int64_t outStride, inStride, rowStride, columnStride;
};

struct ConvolutionRows {
  void (*convolve)(const PixelSums& sums, const PixelRow& row);
  /// copy[column][copied channels]
  void (*copy)(const BorderedRow& row, BFloat16Bits* copy);
  /// Packs the weights of one block of output channels.
  void (*pack)(const WeightLayout& layout, int64_t block, BFloat16Bits* packed);
};

/// Null where the processor has no bfloat16 dot product.
const ConvolutionRows* avx512ConvolutionRows();

}  // namespace bridge
