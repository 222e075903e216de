// Convolutions of 3 × 3 kernels at stride 1 by minimal filtering, Winograd's F(2 × 2, 3 × 3) (Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks"): 16 products make a tile of 2 × 2 outputs, where the definition takes 36. d being the 4 × 4 inputs that a
// tile sees and g a kernel,
//   y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)] A      and      ∂g = Gᵀ[Σ over tiles of (A ∂y Aᵀ) ⊙ (Bᵀ d B)] G
//        ⎡ 1  0 −1  0 ⎤        ⎡ 1  0  0 ⎤
//   Bᵀ = ⎢ 0  1  1  0 ⎥    G = ⎢ ½  ½  ½ ⎥    Aᵀ = ⎡ 1  1  1  0 ⎤
//        ⎢ 0 −1  1  0 ⎥        ⎢ ½ −½  ½ ⎥         ⎣ 0  1 −1 −1 ⎦
//        ⎣ 0  1  0 −1 ⎦        ⎣ 0  0  1 ⎦
// Transforms are computed in float32 and rounded to bfloat16 once, before the products, which are summed in float32.
#pragma once

#include "activation-codes.h"
#include "convolution-rows.h"
#include "vectorised.h"

namespace bridge {

/// Elements of a transformed tile.
constexpr int64_t tilePositions = 16;

/// Rows of tiles of channels-last images, those of one image following those of another. Channels are multiples of 16.
struct TileRows {
  Pixels pixels;
  int64_t height, width, channels;
  int64_t first, count;

  int64_t down() const { return (height + 1) / 2; }
  int64_t across() const { return (width + 1) / 2; }
  int64_t tiles() const { return count * across(); }
  /// Pairs of neighbouring tiles, the last of a row alone where their number is odd.
  int64_t pairs() const { return count * ((across() + 1) / 2); }

  /// The beginning of a row of pixels, counted from the first that a row of tiles makes; null outside the image.
  BFloat16Bits* row(int64_t tileRow, int64_t offset) const {
    const int64_t image = (first + tileRow) / down(), y = (first + tileRow) % down() * 2 + offset;
    return pixels.data && y >= 0 && y < height ? pixels.data + (image * height + y) * width * pixels.pixelStride : nullptr;
  }
};

/// Between the elements of different positions some room is left: without it they would meet in the same sets of the cache.
constexpr int64_t positionGap = 32;

/// What all tiles share: weights[position][block of output channels][pair of input channels][16][2].
struct TileSums {
  const BFloat16Bits* weights;
  const float* bias;  // null: none
  Activation activation;
};

/// Memory for some rows of tiles: their inputs [position][tile][channel], and two blocks of their sums [position][tile][16 · blocks].
struct TileMemory {
  BFloat16Bits* inputs;
  float* sums;

  static int64_t inputsSize(const TileRows& x) { return tilePositions * (x.tiles() * x.channels + positionGap); }
  static int64_t sumsSize(const TileRows& x) { return tilePositions * (x.tiles() * 2 * outBlock + positionGap); }
};

/// Elements of transformed rows as the gradient of weights takes them: [position][block of 16 channels][pair of tiles][16][2].
inline int64_t tilePairsSize(const TileRows& x) { return tilePositions * (x.pairs() * 2 * x.channels + positionGap); }

struct WinogradKernels {
  /// y = activation(convolution of x + bias) + residual of the same rows of tiles; residual data null: none
  void (*convolve)(const TileSums& sums, const TileRows& x, const TileRows& residual, const TileRows& y, const TileMemory& memory);
  /// Packs the weights of one block of output channels.
  void (*pack)(const WeightLayout& layout, int64_t block, BFloat16Bits* packed);
};

struct WinogradGradientKernels {
  /// Adds (A ∂y Aᵀ) ⊙ (Bᵀ d B) of some rows of tiles to sums[position][block of output channels][input channel][16].
  void (*add)(const TileRows& x, const TileRows& dy, BFloat16Bits* xPairs, BFloat16Bits* dyPairs, float* sums, bool fresh);
  /// Adds what the threads found, `threadStride` apart, and transforms it to [tap][…] in the first nine of the first thread's positions:
  /// `count` vectors from `first` on.
  void (*finish)(float* sums, int64_t threads, int64_t threadStride, int64_t positionStride, int64_t first, int64_t count);
};

/// Null where the processor has no bfloat16 dot product.
const WinogradKernels* avx512Winograd();
const WinogradGradientKernels* avx512WinogradGradient();

}  // namespace bridge
