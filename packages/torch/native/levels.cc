// A detection head's levels, feature maps in any precision, as rows of anchors in float32: where a loss begins, and where its gradient
// goes back into the network. One pass over memory each way.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "channels-last.h"
#include "checks.h"
#include "expectation-rows.h"
#include "expectation.h"
#include "vectorised.h"

namespace bridge {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

YOLOV9_CLONES void convert(const float* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}
YOLOV9_CLONES void convert(const BFloat16Bits* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = load(from + i);
}
YOLOV9_CLONES void convert(const float* from, BFloat16Bits* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) store(to + i, from[i]);
}

template <typename Body>
void overTypes(at::ScalarType type, const Body& body) {
  if (type == at::kFloat) return body(float{});
  body(BFloat16Bits{});
}

/// The place of a level's anchors among all, and of a part's channels in a pixel.
struct Layout {
  std::vector<int64_t> pixels, firstAnchor, widths, firstChannel;
  int64_t batch, anchors, channels;

  template <typename Levels>
  Layout(const Levels& levels, at::IntArrayRef parts) : widths(parts.vec()), batch(levels[0].size(0)), anchors(0), channels(0) {
    for (const at::Tensor& level : levels) {
      firstAnchor.push_back(anchors);
      pixels.push_back(level.size(2) * level.size(3));
      anchors += pixels.back();
    }
    for (const int64_t width : widths) {
      firstChannel.push_back(channels);
      channels += width;
    }
  }

  /// Calls body(first pixel of the level in all images, first anchor in all images, count) in parallel for runs of pixels of one image.
  template <typename Body>
  void overRuns(size_t level, const Body& body) const {
    constexpr int64_t longest = 64;
    const int64_t size = pixels[level], runs = (size + longest - 1) / longest;
    at::parallel_for(0, batch * runs, 4, [&](int64_t from, int64_t to) {
      for (int64_t run = from; run < to; ++run) {
        const int64_t image = run / runs, pixel = run % runs * longest;
        body(image * size + pixel, image * anchors + firstAnchor[level] + pixel, std::min(longest, size - pixel));
      }
    });
  }
};

class FlattenLevelsFunction : public torch::autograd::Function<FlattenLevelsFunction> {
 public:
  /// @param bins of the distributions in the first part, whose expectations are the last output, without a gradient
  static variable_list forward(AutogradContext* context, at::TensorList levels, at::IntArrayRef widths, int64_t bins) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Layout layout(levels, widths);
    variable_list parts;
    for (const int64_t width : widths) {
      parts.push_back(at::empty({layout.batch, layout.anchors, width}, at::TensorOptions().dtype(at::kFloat)));
    }
    static const ExpectRows expectRows = avx512ExpectRows();
    const bool expects = bins <= mostBins && expectRows;
    const int64_t distributions = widths[0] / bins;
    at::Tensor expected = at::empty({layout.batch, layout.anchors, distributions}, at::TensorOptions().dtype(at::kFloat));
    for (size_t l = 0; l < levels.size(); ++l) {
      const at::Tensor level = channelsLast(levels[l]);
      overTypes(level.scalar_type(), [&](auto element) {
        using T = decltype(element);
        const T* pixels = static_cast<const T*>(level.data_ptr());
        layout.overRuns(l, [&](int64_t pixel, int64_t anchor, int64_t count) {
          for (size_t p = 0; p < parts.size(); ++p) {
            const T* from = pixels + pixel * layout.channels + layout.firstChannel[p];
            float* to = parts[p].data_ptr<float>() + anchor * layout.widths[p];
            for (int64_t i = 0; i < count; ++i) convert(from + i * layout.channels, to + i * layout.widths[p], layout.widths[p]);
          }
          if (!expects) return;
          // While they lie in the cache.
          expectRows(parts[0].data_ptr<float>() + anchor * widths[0], expected.data_ptr<float>() + anchor * distributions, count * distributions, bins);
        });
      });
    }
    if (!expects) expected = expectation(parts[0].view({layout.batch, layout.anchors, distributions, bins}));
    parts.push_back(expected);
    context->mark_non_differentiable({expected});
    context->set_materialize_grads(false);
    std::vector<int64_t> sizes;
    for (const at::Tensor& level : levels) sizes.insert(sizes.end(), {level.size(2), level.size(3), static_cast<int64_t>(level.scalar_type())});
    context->saved_data["batch"] = layout.batch;
    context->saved_data["sizes"] = sizes;
    context->saved_data["widths"] = widths.vec();
    return parts;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::vector<int64_t> sizes = context->saved_data["sizes"].toIntVector(), widths = context->saved_data["widths"].toIntVector();
    const int64_t channels = std::accumulate(widths.begin(), widths.end(), int64_t{0});
    variable_list levels;
    for (size_t i = 0; i < sizes.size(); i += 3) {
      const auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(sizes[i + 2]));
      levels.push_back(
          at::empty({context->saved_data["batch"].toInt(), channels, sizes[i], sizes[i + 1]}, options, at::MemoryFormat::ChannelsLast));
    }
    const Layout layout(levels, widths);
    gradients.resize(widths.size());  // without that of the expectations
    for (size_t p = 0; p < gradients.size(); ++p) {
      gradients[p] = gradients[p].defined() ? gradients[p].contiguous()
                                            : at::zeros({layout.batch, layout.anchors, widths[p]}, at::TensorOptions().dtype(at::kFloat));
    }
    for (size_t l = 0; l < levels.size(); ++l) {
      overTypes(levels[l].scalar_type(), [&](auto element) {
        using T = decltype(element);
        T* pixels = static_cast<T*>(levels[l].data_ptr());
        layout.overRuns(l, [&](int64_t pixel, int64_t anchor, int64_t count) {
          for (size_t p = 0; p < gradients.size(); ++p) {
            const float* from = gradients[p].data_ptr<float>() + anchor * widths[p];
            T* to = pixels + pixel * layout.channels + layout.firstChannel[p];
            for (int64_t i = 0; i < count; ++i) convert(from + i * widths[p], to + i * layout.channels, widths[p]);
          }
        });
      });
    }
    levels.insert(levels.end(), 2, at::Tensor());  // of the widths and the bins
    return levels;
  }
};

bool suits(at::TensorList levels) {
  return std::all_of(levels.begin(), levels.end(), [&](const at::Tensor& level) {
    return level.is_cpu() && (level.scalar_type() == at::kFloat || level.scalar_type() == at::kBFloat16);
  });
}

void checkArguments(at::TensorList levels, at::IntArrayRef widths, int64_t bins) {
  constexpr Checks checks("flatten_levels");
  TORCH_CHECK(!levels.empty() && !widths.empty(), "flatten_levels: levels and widths must be at least one each, got ", levels.size(), " and ", widths.size());
  checks.number("bins", bins, 1);
  int64_t channels = 0;
  for (const int64_t width : widths) {
    checks.number("widths", width, 1);
    channels += width;
  }
  TORCH_CHECK(widths[0] % bins == 0, "flatten_levels: the first of widths must be a multiple of ", bins, " bins, got ", widths[0]);
  for (size_t i = 0; i < levels.size(); ++i) {
    const at::Tensor& level = levels[i];
    const ArgumentName argument("levels", static_cast<int64_t>(i));
    checks.features(argument, level);
    checks.sameDevice(argument, level, levels[0]);
    checks.that(level.size(0) == levels[0].size(0), argument, level, levels[0].size(0), " images as levels[0]");
    checks.that(level.size(1) == channels, argument, level, "of ", channels, " channels, the sum of widths");
  }
}

/// [B, Σ widths, H, W] each → for every part [B, Σ H·W, width] in float32, and after them the expectations of the first part's distributions,
/// [B, Σ H·W, width / bins] without a gradient.
std::vector<at::Tensor> flattenLevels(at::TensorList levels, at::IntArrayRef widths, int64_t bins) {
  checkArguments(levels, widths, bins);
  if (suits(levels)) return FlattenLevelsFunction::apply(levels, widths, bins);
  std::vector<std::vector<at::Tensor>> parts(widths.size());
  for (const at::Tensor& level : levels) {
    const auto split = level.split_with_sizes(widths, 1);
    for (size_t p = 0; p < split.size(); ++p) parts[p].push_back(split[p].flatten(2).transpose(1, 2).to(at::kFloat));
  }
  std::vector<at::Tensor> all;
  for (const auto& part : parts) all.push_back(at::cat(part, 1));
  all.push_back(expectation(all[0].detach().view({all[0].size(0), all[0].size(1), -1, bins})));
  return all;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(yolov9, library) { library.def("flatten_levels(Tensor[] levels, int[] widths, int bins) -> Tensor[]", flattenLevels); }

}  // namespace bridge
