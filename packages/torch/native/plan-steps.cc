#include "plan-steps.h"

#include <map>

#include "channels-last.h"
#include "convolution.h"
#include "decode.h"
#include "features.h"

namespace bridge {

namespace {

void checkCounts(const Description& step, size_t reads, size_t writes, size_t numbers) {
  const bool residual = step.kind == "convolution" && step.reads.size() == reads + 1;
  TORCH_CHECK((step.reads.size() == reads || residual) && step.writes.size() == writes && step.numbers.size() == numbers,
              "plan: a step '", step.kind, "' takes ", reads, " reads, ", writes, " writes and ", numbers, " numbers, got ", step.reads.size(), ", ",
              step.writes.size(), " and ", step.numbers.size());
}

/// @param wanted [C, H, W] of what the step writes
void checkWritten(const Description& step, at::IntArrayRef wanted) {
  planChecks.that(step.writes[0].sizes().slice(1) == wanted, "writes", step.writes[0], "[batch, ", wanted, "] for a step '", step.kind, "'");
}

void checkImages(const Description& step, const Sizes& sizes) {
  checkCounts(step, 0, 1, 0);
  planChecks.that(step.writes[0].numel() == sizes.imageBytes && pixelStride(step.writes[0]) == step.writes[0].size(1), "writes", step.writes[0],
                  "dense, of ", sizes.imageBytes, " elements, the bytes of the images");
}

void checkConvolutionStep(const Description& step, const Sizes&) {
  checkCounts(step, 1, 1, 5);
  TORCH_CHECK(step.constants.size() == 2 && step.constants[0], "plan: a step 'convolution' takes a weight and perhaps a bias as constants");
  const auto& n = step.numbers;
  const at::Tensor &x = step.reads[0], weight = *step.constant(0);
  const Geometry geometry{n[0], n[1], n[2], n[3]};
  const c10::optional<at::Tensor> bias = step.constant(1);
  checkConvolution("plan", x, weight, bias, geometry);
  planChecks.activation(n[4]);
  const auto sizes = convolvedSizes(x, weight, geometry);
  checkWritten(step, at::IntArrayRef(sizes).slice(1));
  if (step.residual()) planChecks.sizes("residual", *step.residual(), step.writes[0].sizes());
  if (bias) planChecks.dense("bias", *bias, at::kFloat);
  if (convolvesSlices(x, weight, geometry)) return;
  TORCH_CHECK(!step.residual(), "plan: only convolutions of slices add a residual");
  for (const at::Tensor& features : {x, step.writes[0]}) planChecks.that(pixelStride(features) == features.size(1), "features", features, "dense for this convolution");
}

void checkSame(const Description& step, const Sizes&) {
  checkCounts(step, step.kind == "add" ? 2 : 1, 1, 0);
  for (const at::Tensor& read : step.reads) planChecks.sizes("reads", read, step.writes[0].sizes());
}

void checkSmooth(const Description& step, const Sizes&) {
  checkCounts(step, 1, 1, 0);
  const at::Tensor& x = step.reads[0];
  checkWritten(step, {x.size(1), x.size(2) - 1, x.size(3) - 1});
}

void checkEnlarge(const Description& step, const Sizes&) {
  checkCounts(step, 1, 1, 0);
  const at::Tensor& x = step.reads[0];
  checkWritten(step, {x.size(1), 2 * x.size(2), 2 * x.size(3)});
}

void checkMaxPool(const Description& step, const Sizes&) {
  checkCounts(step, 1, 1, 3);
  const at::Tensor& x = step.reads[0];
  const int64_t kernel = step.numbers[0], stride = step.numbers[1], padding = step.numbers[2];
  planChecks.number("kernel", kernel, 1);
  planChecks.number("stride", stride, 1);
  planChecks.number("padding", padding, 0, kernel / 2);
  const auto pooled = [&](int64_t size) { return size + 2 * padding < kernel ? 0 : (size + 2 * padding - kernel) / stride + 1; };
  checkWritten(step, {x.size(1), pooled(x.size(2)), pooled(x.size(3))});
}

void checkDecode(const Description& step, const Sizes& sizes) {
  checkCounts(step, step.reads.size(), 0, 2);
  TORCH_CHECK(step.constants.size() == 2 && step.constants[0] && step.constants[1], "plan: a step 'decode' takes centres and strides as constants");
  const at::Tensor centres = *step.constant(0), strides = *step.constant(1);
  const bool objectness = step.numbers[1] != 0;
  checkLevels("plan", step.reads, centres, strides, {step.numbers[0], objectness});
  planChecks.dense("centres", centres, at::kFloat);
  planChecks.dense("strides", strides, at::kFloat);
  const at::Tensor& level = step.reads[0];
  const int64_t count = level.size(0) * (4 + level.size(1) - 4 * step.numbers[0] - objectness) * strides.numel();
  TORCH_CHECK(count == sizes.predictionCount, "plan: predictionCount must be ", count, ", got ", sizes.predictionCount);
}

}  // namespace

const Kind& kindOf(const std::string& name) {
  using D = const Description&;
  using F = const Frame&;
  static const std::map<std::string, Kind> table = {
      {"images", {checkImages, [](D step, F frame) { unitImagesInto(frame.images, step.writes[0]); }}},
      {"convolution",
       {checkConvolutionStep,
        [](D step, F) {
          const auto& n = step.numbers;
          convolveInto(step.reads[0], *step.constant(0), step.constant(1), {n[0], n[1], n[2], n[3]}, static_cast<Activation>(n[4]), step.residual(),
                       step.writes[0]);
        }}},
      {"copy", {checkSame, [](D step, F) { copyInto(step.reads[0], step.writes[0]); }}},
      {"add", {checkSame, [](D step, F) { addInto(step.reads[0], step.reads[1], step.writes[0]); }}},
      {"smooth", {checkSmooth, [](D step, F) { smoothInto(step.reads[0], step.writes[0]); }}},
      {"enlarge", {checkEnlarge, [](D step, F) { enlargeInto(step.reads[0], step.writes[0]); }}},
      {"maxPool", {checkMaxPool, [](D step, F) { maxPoolInto(step.reads[0], step.writes[0], step.numbers[0], step.numbers[1], step.numbers[2]); }}},
      {"decode",
       {checkDecode,
        [](D step, F frame) {
          decodeInto(step.reads, *step.constant(0), *step.constant(1), {step.numbers[0], step.numbers[1] != 0}, frame.predictions);
        }}},
  };
  const auto found = table.find(name);
  TORCH_CHECK(found != table.end(), "plan: no kind of step is '", name, "'");
  return found->second;
}

}  // namespace bridge
