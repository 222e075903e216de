// Packs weights, cuts the work into rows for the threads, and copies rows with borders around them where a kernel looks beyond a pixel.
#include "bfloat16-convolution.h"

#include "channels-last.h"
#include "packed-weights.h"
#include "thread-parts.h"
#include "winograd.h"

namespace bridge {

namespace {

const ConvolutionRows* kernels() {
  static const ConvolutionRows* const rows = avx512ConvolutionRows();
  return rows;
}

constexpr int64_t evenNumber(int64_t n) { return (n + 1) / 2 * 2; }
constexpr int64_t blocksOf(int64_t channels) { return (channels + outBlock - 1) / outBlock; }
int64_t blockSize(int64_t inChannels, int64_t kernel) { return kernel * kernel * evenNumber(inChannels) * outBlock; }

Pixels from(Pixels pixels, int64_t pixel) { return {pixels.data ? pixels.data + pixel * pixels.pixelStride : nullptr, pixels.pixelStride}; }

/// Neighbouring pixels whose inputs stay in the first cache while all output channels are made.
constexpr int64_t pixelsAtOnce = 56;

/// Every pixel of the output from one of the input.
void convolvePixels(const ConvolutionShape& shape, const PixelSums& sums, Pixels x, Pixels residual, Pixels y) {
  overParts(shape.batch * shape.outHeight * shape.outWidth, [&](int64_t first, int64_t last) {
    for (int64_t pixel = first, count; pixel < last; pixel += count) {
      count = std::min(pixelsAtOnce, last - pixel);
      const int64_t next = std::min(pixelsAtOnce, last - pixel - count);
      kernels()->convolve(sums, {{from(x, pixel).data}, from(residual, pixel), from(y, pixel), count, from(x, pixel + count).data, next * x.pixelStride});
    }
  });
}

/// Output rows from copies of the input's with borders, of which the last few are kept.
class CopiedRows {
 public:
  CopiedRows(const ConvolutionShape& shape, Pixels x)
      : shape_(shape), x_(x), row_{nullptr, x.pixelStride, shape.inWidth, shape.inChannels, shape.kernel / 2, (shape.outWidth - 1) * shape.stride + shape.kernel} {
    static thread_local std::vector<BFloat16Bits> memory;
    copies_ = atLeast(memory, shape.kernel * row_.copiedSize());
  }

  /// Where the runs of an output row of an image begin, and the input rows that the next output row adds.
  void find(int64_t image, int64_t outputRow, PixelRow& row) {
    const int64_t first = outputRow * shape_.stride - shape_.kernel / 2, end = first + shape_.kernel;
    if (image != image_) end_ = first;
    image_ = image;
    for (int64_t y = std::max(first, end_); y < end; ++y) {
      row_.pixels = y >= 0 && y < shape_.inHeight ? pixelsOfRow(y) : nullptr;
      kernels()->copy(row_, copyOf(y));
    }
    end_ = end;
    for (int64_t i = 0; i < shape_.kernel; ++i) row.runs[i] = copyOf(first + i);
    row.next = pixelsOfRow(end);
    row.nextSize = std::max<int64_t>(std::min(shape_.stride, shape_.inHeight - end), 0) * shape_.inWidth * x_.pixelStride;
  }

 private:
  const BFloat16Bits* pixelsOfRow(int64_t y) const { return from(x_, (image_ * shape_.inHeight + y) * shape_.inWidth).data; }
  BFloat16Bits* copyOf(int64_t y) const { return copies_ + (y + 1) % shape_.kernel * row_.copiedSize(); }

  const ConvolutionShape& shape_;
  Pixels x_;
  BorderedRow row_;
  BFloat16Bits* copies_;
  int64_t image_ = -1, end_ = 0;
};

void convolveRows(const ConvolutionShape& shape, const PixelSums& pixelSums, Pixels x, Pixels residual, Pixels y) {
  PixelSums sums = pixelSums;
  sums.pixelStep = shape.stride * evenNumber(shape.inChannels);
  overParts(shape.batch * shape.outHeight, [&](int64_t first, int64_t last) {
    CopiedRows copies(shape, x);
    for (int64_t row = first; row < last; ++row) {
      const int64_t pixel = row * shape.outWidth;
      PixelRow pixels{{}, from(residual, pixel), from(y, pixel), shape.outWidth, nullptr, 0};
      copies.find(row / shape.outHeight, row % shape.outHeight, pixels);
      kernels()->convolve(sums, pixels);
    }
  });
}

/// Fewer weights are packed sooner than a second thread begins.
constexpr int64_t weightsForThreads = 1 << 15;

/// Memory of this thread for weights that serve one call.
BFloat16Bits* temporaryWeights(const ConvolutionShape& shape) {
  static thread_local std::vector<BFloat16Bits> memory;
  return atLeast(memory, packedWeightsSize(shape));
}

WeightLayout layoutOf(const at::Tensor& weight) {
  return {weight.data_ptr<float>(), weight.size(0),   weight.size(1),   weight.size(2),
          weight.stride(0),         weight.stride(1), weight.stride(2), weight.stride(3)};
}

/// The convolution that leads from gradients of outputs to those of inputs: channels exchanged, the kernel turned by half a circle.
WeightLayout turned(const WeightLayout& l) {
  const int64_t last = l.kernel - 1;
  return {l.weights + last * (l.rowStride + l.columnStride), l.inChannels, l.outChannels, l.kernel, l.inStride, l.outStride, -l.rowStride, -l.columnStride};
}

ConvolutionShape turned(ConvolutionShape shape) {
  std::swap(shape.inChannels, shape.outChannels);
  return shape;
}

BFloat16Bits* keptWeights(const ConvolutionShape& shape, const at::Tensor& weight) {
  static thread_local PackedWeights<bool> kept;
  const int64_t bytes = packedWeightsSize(shape) * static_cast<int64_t>(sizeof(BFloat16Bits));
  return static_cast<BFloat16Bits*>(kept.find(weight, suitsWinograd(shape), bytes, [&](void* packed) { packWeights(shape, layoutOf(weight), static_cast<BFloat16Bits*>(packed)); }));
}

at::Tensor outputOf(const ConvolutionShape& shape, const at::Tensor& like) {
  return at::empty({shape.batch, shape.outChannels, shape.outHeight, shape.outWidth}, like.options(), at::MemoryFormat::ChannelsLast);
}

}  // namespace

Pixels pixelsOf(const at::Tensor& x) { return {static_cast<BFloat16Bits*>(x.data_ptr()), pixelStride(x)}; }

bool suitsBFloat16Convolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
  const int64_t kernel = weight.size(2);
  return kernels() && x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kFloat && groups == 1 &&
         dilation == 1 && (stride == 1 || stride == 2) && kernel == weight.size(3) && (kernel == 1 || kernel == 3) && padding == kernel / 2;
}

ConvolutionShape convolutionShape(const at::Tensor& x, const at::Tensor& weight, int64_t stride) {
  const auto reduced = [&](int64_t size) { return (size - 1) / stride + 1; };
  return {x.size(0), x.size(2), x.size(3), x.size(1), reduced(x.size(2)), reduced(x.size(3)), weight.size(0), weight.size(2), stride};
}

int64_t packedWeightsSize(const ConvolutionShape& shape) {
  return suitsWinograd(shape) ? winogradWeightsSize(shape) : blocksOf(shape.outChannels) * blockSize(shape.inChannels, shape.kernel);
}

void packWeights(const ConvolutionShape& shape, const WeightLayout& layout, BFloat16Bits* packed) {
  if (suitsWinograd(shape)) return packWinogradWeights(layout, packed);
  const int64_t blocks = blocksOf(layout.outChannels), size = blockSize(layout.inChannels, layout.kernel);
  const auto packBlocks = [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) kernels()->pack(layout, block, packed + block * size);
  };
  if (blocks * size < weightsForThreads) {
    packBlocks(0, blocks);
  } else {
    overParts(blocks, packBlocks);
  }
}

void convolveBFloat16(const ConvolutionShape& shape, Pixels x, const BFloat16Bits* packed, const float* bias, Activation activation,
                      Pixels residual, Pixels y) {
  if (suitsWinograd(shape)) return convolveWinograd(shape, x, packed, bias, activation, residual, y);
  const PixelSums sums{packed, bias, activation, shape.outChannels, shape.kernel, shape.kernel * evenNumber(shape.inChannels) / 2, x.pixelStride};
  const bool pixelwise = shape.kernel == 1 && shape.stride == 1 && shape.inChannels % 2 == 0;
  (pixelwise ? convolvePixels : convolveRows)(shape, sums, x, residual, y);
}

at::Tensor convolveBFloat16(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride,
                            Activation activation, bool keepWeights) {
  const at::Tensor input = withPixelStride(x);
  const ConvolutionShape shape = convolutionShape(x, weight, stride);
  const at::Tensor y = outputOf(shape, x);
  BFloat16Bits* packed = keepWeights ? keptWeights(shape, weight) : temporaryWeights(shape);
  if (!keepWeights) packWeights(shape, layoutOf(weight), packed);
  convolveBFloat16(shape, pixelsOf(input), packed, bias ? bias->data_ptr<float>() : nullptr, activation, {}, pixelsOf(y));
  return y;
}

void convolveBFloat16Into(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride,
                          Activation activation, const c10::optional<at::Tensor>& residual, const at::Tensor& y) {
  const ConvolutionShape shape = convolutionShape(x, weight, stride);
  convolveBFloat16(shape, pixelsOf(x), keptWeights(shape, weight), bias ? bias->data_ptr<float>() : nullptr, activation,
                   residual ? pixelsOf(*residual) : Pixels{}, pixelsOf(y));
}

bool suitsBFloat16InputGradient(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
  return stride == 1 && suitsBFloat16Convolution(x, weight, stride, padding, dilation, groups);
}

bool hasFasterInputGradient(const at::Tensor& x, const at::Tensor& weight) { return suitsWinograd(turned(convolutionShape(x, weight, 1))); }

at::Tensor inputGradientBFloat16(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& other) {
  const ConvolutionShape shape = turned(convolutionShape(x, weight, 1));
  const at::Tensor gradient = withPixelStride(dy), dx = outputOf(shape, x), added = other.defined() ? withPixelStride(other.to(x.scalar_type())) : other;
  BFloat16Bits* packed = temporaryWeights(shape);
  packWeights(shape, turned(layoutOf(weight)), packed);
  convolveBFloat16(shape, pixelsOf(gradient), packed, nullptr, Activation::identity, added.defined() ? pixelsOf(added) : Pixels{}, pixelsOf(dx));
  return dx;
}

}  // namespace bridge
