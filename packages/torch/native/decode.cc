// From raw levels to boxes and scores in one pass over memory; by separate operators for other devices and types.
#include "decode.h"

#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "channels-last.h"
#include "checks.h"
#include "decode-rows.h"

namespace bridge {

namespace {

constexpr int64_t sides = 4;

float sigmoidOf(float z) { return 1 / (1 + exponential(-z)); }

/// Σ i · softmax(logits)ᵢ
template <typename T>
float expectedDistance(const T* logits, int64_t bins) {
  float largest = load(logits), total = 0, weighted = 0;
  for (int64_t i = 1; i < bins; ++i) largest = std::max(largest, load(logits + i));
  for (int64_t i = 0; i < bins; ++i) {
    const float share = exponential(load(logits + i) - largest);
    total += share;
    weighted += share * static_cast<float>(i);
  }
  return weighted / total;
}

template <typename T>
void portableDecodeRows(const DecodeRun<T>& run, int64_t bins, int64_t classes, bool objectness) {
  for (int64_t i = 0; i < run.count; ++i) {
    const T *pixel = run.pixels + i * run.pixelStride, *logits = pixel + sides * bins;
    float* out = run.out + i;
    for (int64_t axis = 0; axis < 2; ++axis) {
      const float before = expectedDistance(pixel + axis * bins, bins), after = expectedDistance(pixel + (2 + axis) * bins, bins);
      out[axis * run.anchors] = (axis == 0 ? run.centreX : run.centreY)[i] + (after - before) / 2 * run.strides[i];
      out[(2 + axis) * run.anchors] = (before + after) * run.strides[i];
    }
    const float certainty = objectness ? sigmoidOf(load(logits + classes)) : 1;
    for (int64_t c = 0; c < classes; ++c) out[(sides + c) * run.anchors] = sigmoidOf(load(logits + c)) * certainty;
  }
}

template <typename T>
DecodeRows<T> decodeRowsFor(int64_t bins, int64_t anchors) {
  static const DecodeRows<T> fast = avx512DecodeRows<T>();
  constexpr int64_t lanes = 16;
  // Places of a vector's lanes are 32-bit numbers.
  return fast && bins <= lanes && anchors <= INT32_MAX / lanes ? fast : portableDecodeRows<T>;
}

template <typename T>
void decodeLevel(const at::Tensor& level, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels, int64_t firstAnchor,
                 float* out) {
  const int64_t anchors = strides.numel();
  const DecodeRows<T> rows = decodeRowsFor<T>(channels.bins, anchors);
  const int64_t pixels = level.size(2) * level.size(3), pixel = pixelStride(level);
  const int64_t classes = level.size(1) - sides * channels.bins - channels.objectness;
  const float *x = centres.data_ptr<float>() + firstAnchor, *stride = strides.data_ptr<float>() + firstAnchor;
  constexpr int64_t grain = 128;
  at::parallel_for(0, level.size(0) * pixels, grain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to;) {
      const int64_t image = i / pixels, place = i % pixels, count = std::min(to - i, pixels - place);
      rows({static_cast<const T*>(level.data_ptr()) + i * pixel, pixel, count, x + place, x + anchors + place, stride + place,
            out + image * (sides + classes) * anchors + firstAnchor + place, anchors},
           channels.bins, classes, channels.objectness);
      i += count;
    }
  });
}

at::Tensor decodeWithLibtorch(at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& level : levels) flat.push_back(level.flatten(2));
  const at::Tensor all = at::cat(flat, 2).to(centres.scalar_type());
  const int64_t boxes = sides * channels.bins, classes = all.size(1) - boxes - channels.objectness;
  const at::Tensor bins = at::arange(channels.bins, all.options()).view({-1, 1});
  const at::Tensor distribution = all.narrow(1, 0, boxes).reshape({all.size(0), sides, channels.bins, all.size(2)}).softmax(2);
  const auto corners = distribution.mul(bins).sum(2).chunk(2, 1);
  at::Tensor scores = all.narrow(1, boxes, classes).sigmoid();
  if (channels.objectness) scores = scores * all.narrow(1, boxes + classes, 1).sigmoid();
  return at::cat({centres + (corners[1] - corners[0]) / 2 * strides, (corners[0] + corners[1]) * strides, scores}, 1);
}

bool suits(at::TensorList levels, const at::Tensor& centres) {
  return centres.is_cpu() && centres.scalar_type() == at::kFloat && std::all_of(levels.begin(), levels.end(), [](const at::Tensor& level) {
    const bool differentiated = at::GradMode::is_enabled() && level.requires_grad();
    return level.is_cpu() && level.dim() == 4 && !differentiated && (level.scalar_type() == at::kFloat || level.scalar_type() == at::kBFloat16);
  });
}

/// centres and strides in the type of the result; `fused` is false for libtorch's operators.
at::Tensor decodeLevels(at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, int64_t bins, bool objectness, bool fused) {
  const HeadChannels channels{bins, objectness};
  checkLevels("decode_levels", levels, centres, strides, channels);
  if (!fused || !suits(levels, centres)) return decodeWithLibtorch(levels, centres, strides, channels);
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& level : levels) inputs.push_back(withPixelStride(level));
  const int64_t rows = sides + levels[0].size(1) - sides * bins - objectness;
  at::Tensor result = at::empty({levels[0].size(0), rows, strides.numel()}, centres.options());
  decodeInto(inputs, centres.contiguous(), strides.contiguous(), channels, result.data_ptr<float>());
  return result;
}

}  // namespace

void checkLevels(const char* name, at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels) {
  const Checks checks(name);
  TORCH_CHECK(!levels.empty(), name, ": levels must be at least one tensor, got none");
  checks.floating("centres", centres);
  const at::Tensor& first = levels.front();
  int64_t anchors = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    const at::Tensor& level = levels[i];
    const ArgumentName argument("levels", static_cast<int64_t>(i));
    checks.features(argument, level);
    checks.sameDevice(argument, level, centres);
    checks.sameType(argument, level, first);
    checks.that(level.size(0) == first.size(0) && level.size(1) == first.size(1), argument, level, "as many images and channels as ", Shown{first});
    anchors += level.size(2) * level.size(3);
  }
  checks.number("bins", channels.bins, 1);
  checks.that(sides * channels.bins + channels.objectness <= first.size(1), "levels", first, "of at least ", sides * channels.bins + channels.objectness,
              " channels, which ", channels.bins, " bins take");
  checks.sizes("centres", centres, {2, anchors});
  checks.sizes("strides", strides, {1, anchors});
  checks.sameType("strides", strides, centres);
  checks.sameDevice("strides", strides, centres);
}

void decodeInto(at::TensorList levels, const at::Tensor& centres, const at::Tensor& strides, const HeadChannels& channels, float* out) {
  int64_t firstAnchor = 0;
  for (const at::Tensor& level : levels) {
    const auto decode = level.scalar_type() == at::kFloat ? decodeLevel<float> : decodeLevel<BFloat16Bits>;
    decode(level, centres, strides, channels, firstAnchor, out);
    firstAnchor += level.size(2) * level.size(3);
  }
}

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def("decode_levels(Tensor[] levels, Tensor centres, Tensor strides, int bins, bool objectness, bool fused) -> Tensor", decodeLevels);
}

}  // namespace bridge
