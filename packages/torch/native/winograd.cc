// Cuts the work into rows of tiles for the threads, as many at once as a core's second cache holds transformed.
#include "winograd.h"

#include <cstdlib>
#include <string>

#include "thread-parts.h"
#include "weight-gradient.h"
#include "weight-gradient-strip.h"
#include "winograd-tiles.h"

namespace bridge {

namespace {

const WinogradKernels* kernels() {
  static const WinogradKernels* const table = avx512Winograd();
  return table;
}

const WinogradGradientKernels* gradientKernels() {
  static const WinogradGradientKernels* const table = avx512WinogradGradient();
  return table;
}

/// Fewer channels spend on transforms what they save on products.
constexpr int64_t fewestChannels = 32;
/// Smaller images would fill their tiles badly.
constexpr int64_t smallestImage = 4;

constexpr int64_t bytesAtOnce = 128 << 10;
constexpr int64_t gradientBytesAtOnce = 512 << 10;

TileRows allTiles(Pixels pixels, const ConvolutionShape& shape, int64_t channels) {
  TileRows rows{pixels, shape.outHeight, shape.outWidth, channels, 0, 0};
  rows.count = shape.batch * rows.down();
  return rows;
}

TileRows part(TileRows rows, int64_t first, int64_t count) {
  rows.first = first;
  rows.count = count;
  return rows;
}

int64_t rowsWithin(int64_t bytes, int64_t elementsPerRow) {
  return std::max<int64_t>(bytes / (elementsPerRow * static_cast<int64_t>(sizeof(BFloat16Bits))), 1);
}

}  // namespace

bool suitsWinograd(const ConvolutionShape& s) {
  static const bool wanted = [] {
    const char* setting = std::getenv("YOLOV9_WINOGRAD");
    return !setting || std::string(setting) != "off";
  }();
  return wanted && kernels() && s.kernel == 3 && s.stride == 1 && s.inChannels % outBlock == 0 && s.outChannels % outBlock == 0 &&
         std::min(s.inChannels, s.outChannels) >= fewestChannels && std::min(s.outHeight, s.outWidth) >= smallestImage;
}

int64_t winogradWeightsSize(const ConvolutionShape& shape) { return tilePositions * shape.inChannels * shape.outChannels; }

void packWinogradWeights(const WeightLayout& layout, BFloat16Bits* packed) {
  overParts(layout.outChannels / outBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) kernels()->pack(layout, block, packed);
  });
}

void convolveWinograd(const ConvolutionShape& shape, Pixels x, const BFloat16Bits* packed, const float* bias, Activation activation, Pixels residual,
                      Pixels y) {
  const TileRows inputs = allTiles(x, shape, shape.inChannels), added = allTiles(residual, shape, shape.outChannels), outputs = allTiles(y, shape, shape.outChannels);
  const int64_t most = rowsWithin(bytesAtOnce, tilePositions * inputs.across() * shape.inChannels);
  overParts(inputs.count, [&](int64_t first, int64_t last) {
    static thread_local std::vector<BFloat16Bits> inputMemory;
    static thread_local std::vector<float> sumMemory;
    const TileRows largest = part(inputs, first, std::min(most, last - first));
    const TileMemory memory{atLeast(inputMemory, TileMemory::inputsSize(largest)), atLeast(sumMemory, TileMemory::sumsSize(largest))};
    for (int64_t row = first, count; row < last; row += count) {
      count = std::min(most, last - row);
      kernels()->convolve({packed, bias, activation}, part(inputs, row, count), part(added, row, count), part(outputs, row, count), memory);
    }
  });
}

at::Tensor winogradWeightGradient(const ConvolutionShape& shape, Pixels x, Pixels dy, const at::Tensor& weight) {
  const TileRows inputs = allTiles(x, shape, shape.inChannels), gradients = allTiles(dy, shape, shape.outChannels);
  const int64_t most = rowsWithin(gradientBytesAtOnce, tilePositions * inputs.across() * (shape.inChannels + shape.outChannels));
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), inputs.count), positionSize = shape.inChannels * shape.outChannels;
  const int64_t sumSize = tilePositions * positionSize, vectors = positionSize / channelBlock;
  const at::Tensor sums = at::empty({threads, sumSize}, at::TensorOptions().dtype(at::kFloat));
  float* const found = sums.data_ptr<float>();
  overParts(threads, [&](int64_t thread, int64_t) {
    static thread_local std::vector<BFloat16Bits> inputMemory, gradientMemory;
    const int64_t begin = thread * inputs.count / threads, end = (thread + 1) * inputs.count / threads;
    for (int64_t row = begin, count; row < end; row += count) {
      count = std::min(most, end - row);
      const TileRows seen = part(inputs, row, count), made = part(gradients, row, count);
      gradientKernels()->add(seen, made, atLeast(inputMemory, tilePairsSize(seen)), atLeast(gradientMemory, tilePairsSize(made)), found + thread * sumSize,
                             row == begin);
    }
  });
  overParts(vectors, [&](int64_t first, int64_t last) { gradientKernels()->finish(found, threads, sumSize, positionSize, first, last - first); });
  return collectTaps(found, 1, sumSize, weight);
}

}  // namespace bridge
