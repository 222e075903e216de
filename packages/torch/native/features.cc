// What happens to features between convolutions, in channels-last memory with backward passes of its own: smoothing, enlarging,
// concatenating, and being used several times.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cstring>
#include <vector>

#include "channels-last.h"
#include "element-types.h"
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

/// Every pixel of the output is factor · the sum of the input pixels that `sourcesOf(row, column, add)` adds by their place; a place outside
/// the image adds nothing.
template <typename SourcesOf>
at::Tensor sumOfPixels(const at::Tensor& x, int64_t height, int64_t width, double factor, const SourcesOf& sourcesOf) {
  const at::Tensor input = withPixelStride(x);
  const Size size(input);
  const int64_t stride = pixelStride(input);
  at::Tensor y = emptyFeatures(input, size.channels, height, width);
  overTypes(input.scalar_type(), "sum_of_pixels", [&](auto element) {
    using T = decltype(element);
    const auto sum = pixelKernels<T>().sum;
    overRows(size.batch * height, size.channels * width, [&](int64_t line) {
      const int64_t row = line % height;
      const T* image = pointer<T>(input) + line / height * size.height * size.width * stride;
      T* out = pointer<T>(y) + line * width * size.channels;
      for (int64_t column = 0; column < width; ++column, out += size.channels) {
        const T* sources[mostSources];
        int count = 0;
        sourcesOf(row, column, [&](int64_t r, int64_t c) {
          if (r >= 0 && r < size.height && c >= 0 && c < size.width) sources[count++] = image + (r * size.width + c) * stride;
        });
        sum(out, sources, count, static_cast<typename Arithmetic<T>::Type>(factor), size.channels);
      }
    });
  });
  return y;
}

/// The mean of every 2 × 2 window: one row and column less.
class SmoothFunction : public torch::autograd::Function<SmoothFunction> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x) {
    const at::AutoDispatchBelowADInplaceOrView below;
    return sumOfPixels(x, x.size(2) - 1, x.size(3) - 1, 0.25, [](int64_t row, int64_t column, const auto& add) {
      for (int64_t i = 0; i < 4; ++i) add(row + i / 2, column + i % 2);
    });
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
    return sumOfPixels(x, 2 * x.size(2), 2 * x.size(3), 1,
                       [](int64_t row, int64_t column, const auto& add) { add(row / 2, column / 2); });
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    const at::Tensor& dy = gradients[0];
    return {sumOfPixels(dy, dy.size(2) / 2, dy.size(3) / 2, 1, [](int64_t row, int64_t column, const auto& add) {
      for (int64_t i = 0; i < 4; ++i) add(2 * row + i / 2, 2 * column + i % 2);
    })};
  }
};

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
    overRows(size.batch * size.height * size.width, channels, [&](int64_t pixel) {
      char* out = pointer<char>(y) + pixel * channels * bytes;
      for (size_t k = 0; k < parts.size(); ++k) {
        const int64_t length = widths[k] * bytes;
        std::memcpy(out, pointer<char>(parts[k]) + pixel * strides[k] * bytes, length);
        out += length;
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
  TORCH_CHECK(x.dim() == 4 && x.size(2) > 1 && x.size(3) > 1, "smooth takes [B, C, H, W] of at least 2 x 2 pixels, got ", x.sizes());
  return suits(x) ? SmoothFunction::apply(x) : at::avg_pool2d(x, {2, 2}, {1, 1});
}

at::Tensor enlarge(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 4, "enlarge takes [B, C, H, W], got ", x.sizes());
  return suits(x) ? EnlargeFunction::apply(x) : at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
}

at::Tensor concat(at::TensorList inputs) {
  TORCH_CHECK(!inputs.empty(), "concat takes at least one tensor");
  const at::Tensor& first = inputs.front();
  bool same = true;
  for (const at::Tensor& input : inputs) {
    same = same && suits(input) && input.scalar_type() == first.scalar_type() && input.size(0) == first.size(0) &&
           input.sizes().slice(2) == first.sizes().slice(2);
  }
  return same ? ConcatFunction::apply(inputs) : at::cat(inputs, 1);
}

std::vector<at::Tensor> fanOut(const at::Tensor& x, int64_t count) {
  if (!suits(x)) return std::vector<at::Tensor>(count, x);
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return std::vector<at::Tensor>(count, channelsLast(x));
  return FanOutFunction::apply(x, count);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def("smooth(Tensor x) -> Tensor", smooth);
  library.def("enlarge(Tensor x) -> Tensor", enlarge);
  library.def("concat(Tensor[] inputs) -> Tensor", concat);
  library.def("fan_out(Tensor x, int count) -> Tensor[]", fanOut);
}

}  // namespace bridge
