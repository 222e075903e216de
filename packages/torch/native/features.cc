// What happens to images before and to features between convolutions, in channels-last memory with backward passes of its own: smoothing, enlarging,
// concatenating, and being used several times.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cstring>
#include <vector>

#include "channels-last.h"
#include "checks.h"
#include "element-types.h"
#include "features.h"
#include "pixel-rows.h"

namespace bridge {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Elements that are worth a thread of their own.
constexpr int64_t elementsPerTask = 1 << 14;

/// Calls body(row) in parallel for rows of `elements` elements.
template <typename Body>
void overRows(int64_t rows, int64_t elements, const Body& body) {
  const int64_t grain = std::max<int64_t>(1, elementsPerTask / std::max<int64_t>(elements, 1));
  at::parallel_for(0, rows, grain, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) body(row);
  });
}

at::Tensor emptyFeatures(const at::Tensor& like, int64_t channels, int64_t height, int64_t width) {
  return at::empty({like.size(0), channels, height, width}, like.options(), at::MemoryFormat::ChannelsLast);
}

struct Size {
  int64_t batch, channels, height, width;
  explicit Size(const at::Tensor& x) : batch(x.size(0)), channels(x.size(1)), height(x.size(2)), width(x.size(3)) {}
};

template <typename T>
T* pointer(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

/// Every pixel of y is factor · the sum of the pixels of x that `sourcesOf(row, column, add)` adds by their place; a place outside the image
/// adds nothing.
template <typename SourcesOf>
void sumPixels(const at::Tensor& x, const at::Tensor& y, double factor, const SourcesOf& sourcesOf) {
  const Size size(x), outSize(y);
  const int64_t stride = pixelStride(x), outStride = pixelStride(y);
  overTypes(x.scalar_type(), "sum_pixels", [&](auto element) {
    using T = decltype(element);
    const auto sum = pixelKernels<T>().sum;
    overRows(size.batch * outSize.height, size.channels * outSize.width, [&](int64_t line) {
      const int64_t row = line % outSize.height;
      const T* image = pointer<T>(x) + line / outSize.height * size.height * size.width * stride;
      T* out = pointer<T>(y) + line * outSize.width * outStride;
      for (int64_t column = 0; column < outSize.width; ++column, out += outStride) {
        const T* sources[mostSources];
        int count = 0;
        sourcesOf(row, column, [&](int64_t r, int64_t c) {
          if (r >= 0 && r < size.height && c >= 0 && c < size.width) sources[count++] = image + (r * size.width + c) * stride;
        });
        sum(out, sources, count, static_cast<typename Arithmetic<T>::Type>(factor), size.channels);
      }
    });
  });
}

/// The same into new memory.
template <typename SourcesOf>
at::Tensor sumOfPixels(const at::Tensor& x, int64_t height, int64_t width, double factor, const SourcesOf& sourcesOf) {
  const at::Tensor input = withPixelStride(x);
  const at::Tensor y = emptyFeatures(input, x.size(1), height, width);
  sumPixels(input, y, factor, sourcesOf);
  return y;
}

/// The mean of every 2 × 2 window: one row and column less.
class SmoothFunction : public torch::autograd::Function<SmoothFunction> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor input = withPixelStride(x), y = emptyFeatures(x, x.size(1), x.size(2) - 1, x.size(3) - 1);
    smoothInto(input, y);
    return y;
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    const at::Tensor& dy = gradients[0];
    return {sumOfPixels(dy, dy.size(2) + 1, dy.size(3) + 1, 0.25, [](int64_t row, int64_t column, const auto& add) {
      for (int64_t i = 0; i < 4; ++i) add(row - i / 2, column - i % 2);
    })};
  }
};

/// Every pixel four times.
class EnlargeFunction : public torch::autograd::Function<EnlargeFunction> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor input = withPixelStride(x), y = emptyFeatures(x, x.size(1), 2 * x.size(2), 2 * x.size(3));
    enlargeInto(input, y);
    return y;
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    const at::Tensor& dy = gradients[0];
    return {sumOfPixels(dy, dy.size(2) / 2, dy.size(3) / 2, 1, [](int64_t row, int64_t column, const auto& add) {
      for (int64_t i = 0; i < 4; ++i) add(2 * row + i / 2, 2 * column + i % 2);
    })};
  }
};

/// Copies `count` rows of `length` bytes that are `fromStride` apart to rows that are `toStride` apart.
void copyRows(const char* from, int64_t fromStride, char* to, int64_t toStride, int64_t length, int64_t count) {
  // Lengths known to the compiler become a few instructions, where a call for every pixel costs more than the copying.
  const auto rows = [&](auto bytes) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * toStride, from + i * fromStride, bytes);
  };
  switch (length) {
    case 32:
      return rows(std::integral_constant<size_t, 32>{});
    case 64:
      return rows(std::integral_constant<size_t, 64>{});
    case 128:
      return rows(std::integral_constant<size_t, 128>{});
    default:
      return rows(static_cast<size_t>(length));
  }
}

/// Pixels that are copied at once: what is written stays in the nearest cache.
constexpr int64_t pixelsAtOnce = 32;

/// Channels side by side. The gradients are slices of the output's gradient, not copies.
class ConcatFunction : public torch::autograd::Function<ConcatFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, at::TensorList inputs) {
    const at::AutoDispatchBelowADInplaceOrView below;
    std::vector<at::Tensor> parts;
    std::vector<int64_t> strides, widths;
    int64_t channels = 0;
    for (const at::Tensor& input : inputs) {
      parts.push_back(withPixelStride(input));
      strides.push_back(pixelStride(parts.back()));
      widths.push_back(input.size(1));
      channels += input.size(1);
    }
    const Size size(parts.front());
    at::Tensor y = emptyFeatures(parts.front(), channels, size.height, size.width);
    const int64_t bytes = y.element_size();
    const int64_t pixels = size.batch * size.height * size.width;
    overRows((pixels + pixelsAtOnce - 1) / pixelsAtOnce, channels * pixelsAtOnce, [&](int64_t block) {
      const int64_t first = block * pixelsAtOnce, count = std::min(pixelsAtOnce, pixels - first);
      char* out = pointer<char>(y) + first * channels * bytes;
      for (size_t k = 0; k < parts.size(); ++k) {
        copyRows(pointer<char>(parts[k]) + first * strides[k] * bytes, strides[k] * bytes, out, channels * bytes, widths[k] * bytes, count);
        out += widths[k] * bytes;
      }
    });
    context->saved_data["widths"] = widths;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    variable_list result;
    int64_t from = 0;
    for (const int64_t width : context->saved_data["widths"].toIntVector()) {
      result.push_back(gradients[0].narrow(1, from, width));
      from += width;
    }
    return result;
  }
};

/// Bytes of planar images as numbers from 0 to 1 in channels-last memory.
at::Tensor unitImages(const at::Tensor& bytes, at::ScalarType type) {
  constexpr Checks checks("unit_images");
  checks.tensor("bytes", bytes);
  checks.that(bytes.dim() == 4 && bytes.scalar_type() == at::kByte, "bytes", bytes, "uint8 [B, C, H, W]");
  TORCH_CHECK(at::isFloatingType(type), "unit_images: dtype must be floating-point, got ", nameOfScalarType(type));
  if (!bytes.is_cpu() || !hasKernels(type)) {
    return bytes.to(bytes.options().dtype(at::kFloat), false, false, at::MemoryFormat::ChannelsLast).div_(255).to(type);
  }
  const at::Tensor planar = bytes.contiguous();
  const at::Tensor images = at::empty(planar.sizes(), planar.options().dtype(type), at::MemoryFormat::ChannelsLast);
  unitImagesInto(planar.data_ptr<uint8_t>(), images);
  return images;
}

/// The sum of any number of gradients of one shape, in one pass over memory.
at::Tensor sumOf(const variable_list& terms) {
  const Size size(terms.front());
  at::Tensor total = emptyFeatures(terms.front(), size.channels, size.height, size.width);
  std::vector<at::Tensor> parts;
  std::vector<int64_t> strides;
  bool dense = true;
  for (const at::Tensor& term : terms) {
    parts.push_back(withPixelStride(term));
    strides.push_back(pixelStride(parts.back()));
    dense = dense && strides.back() == size.channels;
  }
  const int64_t pixels = size.batch * size.height * size.width;
  // Dense memory needs no stop at every pixel.
  const int64_t pixelsAtOnce = dense ? std::max<int64_t>(1, elementsPerTask / 4 / size.channels) : 1;
  overTypes(total.scalar_type(), "fan_out", [&](auto element) {
    using T = decltype(element);
    const auto sum = pixelKernels<T>().sum;
    overRows((pixels + pixelsAtOnce - 1) / pixelsAtOnce, size.channels * pixelsAtOnce, [&](int64_t block) {
      const int64_t pixel = block * pixelsAtOnce, length = std::min(pixelsAtOnce, pixels - pixel) * size.channels;
      T* out = pointer<T>(total) + pixel * size.channels;
      for (size_t k = 0; k < parts.size();) {
        const T* sources[mostSources];
        int count = 0;
        if (k > 0) sources[count++] = out;
        for (; k < parts.size() && count < mostSources; ++k) sources[count++] = pointer<T>(parts[k]) + pixel * strides[k];
        sum(out, sources, count, 1, length);
      }
    });
  });
  return total;
}

/// The same features for several uses: a slice is copied once for all of them, and their gradients are added in one pass.
class FanOutFunction : public torch::autograd::Function<FanOutFunction> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x, int64_t count) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->set_materialize_grads(false);
    const at::Tensor dense = channelsLast(x);
    variable_list uses;
    for (int64_t i = 0; i < count; ++i) uses.push_back(dense.alias());
    return uses;
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    variable_list given;
    for (const at::Tensor& gradient : gradients) {
      if (gradient.defined()) given.push_back(gradient);
    }
    if (given.empty()) return {at::Tensor(), at::Tensor()};
    return {given.size() == 1 ? given.front() : sumOf(given), at::Tensor()};
  }
};

bool suits(const at::Tensor& x) { return x.is_cpu() && x.dim() == 4 && x.numel() > 0 && hasKernels(x.scalar_type()); }

at::Tensor smooth(const at::Tensor& x) {
  constexpr Checks checks("smooth");
  checks.features("x", x);
  checks.that(x.size(1) > 0 && x.size(2) > 1 && x.size(3) > 1, "x", x, "of at least 1 channel and 2 x 2 pixels");
  return suits(x) ? SmoothFunction::apply(x) : at::avg_pool2d(x, {2, 2}, {1, 1});
}

at::Tensor enlarge(const at::Tensor& x) {
  constexpr Checks checks("enlarge");
  checks.features("x", x);
  checks.that(x.size(1) > 0 && x.size(2) > 0 && x.size(3) > 0, "x", x, "of at least 1 channel and 1 pixel");
  return suits(x) ? EnlargeFunction::apply(x) : at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
}

at::Tensor concat(at::TensorList inputs) {
  constexpr Checks checks("concat");
  TORCH_CHECK(!inputs.empty(), "concat: inputs must be at least one tensor, got none");
  const at::Tensor& first = inputs.front();
  bool same = true;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor& input = inputs[i];
    const ArgumentName argument("inputs", static_cast<int64_t>(i));
    checks.tensor(argument, input);
    checks.dimensions(argument, input, 4, "[B, C, H, W]");
    checks.sameDevice(argument, input, first);
    checks.that(input.size(0) == first.size(0) && input.sizes().slice(2) == first.sizes().slice(2), argument, input, "of the images of ", Shown{first});
    same = same && suits(input) && input.scalar_type() == first.scalar_type();
  }
  return same ? ConcatFunction::apply(inputs) : at::cat(inputs, 1);
}

/// More uses of one tensor are a mistake.
constexpr int64_t mostUses = 4096;

std::vector<at::Tensor> fanOut(const at::Tensor& x, int64_t count) {
  constexpr Checks checks("fan_out");
  checks.tensor("x", x);
  checks.number("count", count, 1, mostUses);
  if (!suits(x)) return std::vector<at::Tensor>(count, x);
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return std::vector<at::Tensor>(count, channelsLast(x));
  return FanOutFunction::apply(x, count);
}

}  // namespace

void smoothInto(const at::Tensor& x, const at::Tensor& y) {
  sumPixels(x, y, 0.25, [](int64_t row, int64_t column, const auto& add) {
    for (int64_t i = 0; i < 4; ++i) add(row + i / 2, column + i % 2);
  });
}

void enlargeInto(const at::Tensor& x, const at::Tensor& y) {
  sumPixels(x, y, 1, [](int64_t row, int64_t column, const auto& add) { add(row / 2, column / 2); });
}

void maxPoolInto(const at::Tensor& x, const at::Tensor& y, int64_t kernel, int64_t stride, int64_t padding) {
  const Size size(x), outSize(y);
  const int64_t pixel = pixelStride(x), outPixel = pixelStride(y);
  overTypes(x.scalar_type(), "max_pool", [&](auto element) {
    using T = decltype(element);
    const auto largest = pixelKernels<T>().largest;
    overRows(size.batch * outSize.height, size.channels * outSize.width * kernel, [&](int64_t line) {
      const T* image = pointer<T>(x) + line / outSize.height * size.height * size.width * pixel;
      T* out = pointer<T>(y) + line * outSize.width * outPixel;
      const int64_t top = line % outSize.height * stride - padding;
      const int64_t firstRow = std::max<int64_t>(top, 0), endRow = std::min(top + kernel, size.height);
      for (int64_t column = 0; column < outSize.width; ++column, out += outPixel) {
        const int64_t left = column * stride - padding;
        const int64_t firstColumn = std::max<int64_t>(left, 0), endColumn = std::min(left + kernel, size.width);
        const T* window = image + (firstRow * size.width + firstColumn) * pixel;
        largest(out, window, {endRow - firstRow, size.width * pixel, endColumn - firstColumn, pixel}, size.channels);
      }
    });
  });
}

void addInto(const at::Tensor& a, const at::Tensor& b, const at::Tensor& y) {
  const Size size(y);
  const int64_t strideA = pixelStride(a), strideB = pixelStride(b), stride = pixelStride(y);
  overTypes(y.scalar_type(), "add", [&](auto element) {
    using T = decltype(element);
    const auto sum = pixelKernels<T>().sum;
    overRows(size.batch * size.height * size.width, size.channels, [&](int64_t pixel) {
      const T* sources[] = {pointer<T>(a) + pixel * strideA, pointer<T>(b) + pixel * strideB};
      sum(pointer<T>(y) + pixel * stride, sources, 2, 1, size.channels);
    });
  });
}

void copyInto(const at::Tensor& x, const at::Tensor& y) {
  const Size size(y);
  const int64_t bytes = y.element_size(), from = pixelStride(x) * bytes, to = pixelStride(y) * bytes, pixels = size.batch * size.height * size.width;
  overRows((pixels + pixelsAtOnce - 1) / pixelsAtOnce, size.channels * pixelsAtOnce, [&](int64_t block) {
    const int64_t first = block * pixelsAtOnce, count = std::min(pixelsAtOnce, pixels - first);
    copyRows(pointer<char>(x) + first * from, from, pointer<char>(y) + first * to, to, size.channels * bytes, count);
  });
}

void unitImagesInto(const uint8_t* bytes, const at::Tensor& y) {
  const Size size(y);
  const int64_t pixels = size.height * size.width;
  overTypes(y.scalar_type(), "unit_images", [&](auto element) {
    using T = decltype(element);
    // A table says what each byte becomes.
    static const at::Tensor table = at::arange(256, at::kFloat).div_(255).to(y.scalar_type());
    const T* values = pointer<T>(table);
    overRows(size.batch * size.height, size.width * size.channels, [&](int64_t line) {
      const int64_t image = line / size.height, row = line % size.height;
      T* out = pointer<T>(y) + line * size.width * size.channels;
      for (int64_t c = 0; c < size.channels; ++c) {
        const uint8_t* plane = bytes + (image * size.channels + c) * pixels + row * size.width;
        for (int64_t x = 0; x < size.width; ++x) out[x * size.channels + c] = values[plane[x]];
      }
    });
  });
}

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def("unit_images(Tensor bytes, ScalarType dtype) -> Tensor", unitImages);
  library.def("smooth(Tensor x) -> Tensor", smooth);
  library.def("enlarge(Tensor x) -> Tensor", enlarge);
  library.def("concat(Tensor[] inputs) -> Tensor", concat);
  library.def("fan_out(Tensor x, int count) -> Tensor[]", fanOut);
}

}  // namespace bridge
