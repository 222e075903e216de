// Cuts the work into strips for the threads, and adds up what they found.
#include "weight-gradient.h"

#include <ATen/Parallel.h>

#include <numeric>
#include <vector>

#include "bfloat16-convolution.h"
#include "gradient-sums.h"
#include "weight-gradient-strip.h"
#include "winograd.h"

namespace bridge {

namespace {

/// Packed memory of a strip stays in a core's second cache.
constexpr int64_t bytesPerStrip = 400 << 10;

int64_t rowsPerStrip(Strip strip) {
  strip.rows = 1;
  const int64_t least = strip.packedSize();
  strip.rows = 2;
  const int64_t perRow = strip.packedSize() - least;
  const int64_t wanted = (bytesPerStrip / static_cast<int64_t>(sizeof(BFloat16Bits)) - least) / perRow + 1;
  return std::min(std::max<int64_t>(wanted, 1), strip.height);
}

const WeightGradientKernels* kernels() {
  static const WeightGradientKernels* const table = avx512WeightGradient();
  return table;
}

}  // namespace

at::Tensor collectTaps(const float* sums, int64_t threads, int64_t threadStride, const at::Tensor& weight) {
  const int64_t outChannels = weight.size(0), inChannels = weight.size(1), kernel = weight.size(2), outBlocks = blocksOf(outChannels);
  const int64_t outStride = weight.stride(0), inStride = weight.stride(1);
  at::Tensor dw = at::empty_strided(weight.sizes(), weight.strides(), at::TensorOptions().dtype(at::kFloat));
  std::vector<double> squares(kernel * kernel * outBlocks);
  at::parallel_for(0, kernel * kernel * outBlocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) {
      const int64_t tap = block / outBlocks, firstOut = block % outBlocks * channelBlock;
      squares[block] = kernels()->addUp({sums + block * inChannels * channelBlock, threads, threadStride, inChannels, std::min(channelBlock, outChannels - firstOut),
                        dw.data_ptr<float>() + tap / kernel * weight.stride(2) + tap % kernel * weight.stride(3) + firstOut * outStride, outStride, inStride});
    }
  });
  noteSumOfSquares(dw, std::accumulate(squares.begin(), squares.end(), 0.0));
  return dw;
}

bool suitsWeightGradient(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
  const int64_t kernel = weight.size(2);
  return kernels() && x.scalar_type() == at::kBFloat16 && groups == 1 && (stride == 1 || (stride == 2 && kernel == 3)) && dilation == 1 &&
         kernel == weight.size(3) && (kernel == 1 || kernel == 3) && padding == kernel / 2 && weight.size(1) % 8 == 0;
}

at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, int64_t stride) {
  const ConvolutionShape shape = convolutionShape(x, weight, stride);
  if (suitsWinograd(shape)) return winogradWeightGradient(shape, pixelsOf(x), pixelsOf(dy), weight);
  const int64_t batch = x.size(0), outChannels = weight.size(0), inChannels = weight.size(1), kernel = weight.size(2);
  Strip whole{nullptr, nullptr, x.size(2), x.size(3), dy.size(2), dy.size(3), inChannels, outChannels, kernel, stride, 0, 0, false};
  whole.rows = rowsPerStrip(whole);
  const int64_t strips = (whole.height + whole.rows - 1) / whole.rows, tasks = batch * strips;
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), tasks);
  const int64_t sumSize = kernel * kernel * blocksOf(outChannels) * inChannels * channelBlock;
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor sums = at::empty({threads, sumSize}, floats);
  const at::Tensor packed = at::empty({threads, whole.packedSize()}, at::TensorOptions().dtype(at::kBFloat16));
  const auto* images = static_cast<const BFloat16Bits*>(x.data_ptr());
  const auto* gradients = static_cast<const BFloat16Bits*>(dy.data_ptr());
  // One range of tasks for each thread, always the same: results do not depend on which was faster.
  at::parallel_for(0, threads, 1, [&](int64_t from, int64_t to) {
    for (int64_t thread = from; thread < to; ++thread) {
      const int64_t first = thread * tasks / threads;
      for (int64_t task = first; task < (thread + 1) * tasks / threads; ++task) {
        Strip strip = whole;
        strip.x = images + task / strips * whole.inHeight * whole.inWidth * inChannels;
        strip.dy = gradients + task / strips * whole.height * whole.width * outChannels;
        strip.first = task % strips * whole.rows;
        strip.rows = std::min(whole.rows, whole.height - strip.first);
        strip.fresh = task == first;
        kernels()->addStrip(strip, static_cast<BFloat16Bits*>(packed.data_ptr()) + thread * whole.packedSize(), sums.data_ptr<float>() + thread * sumSize);
      }
    }
  });

  return collectTaps(sums.data_ptr<float>(), threads, sumSize, weight);
}

}  // namespace bridge
