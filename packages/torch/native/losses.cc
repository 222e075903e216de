// What a detection head loses, as two operators with their own backward: only the anchors that learn objects are looked at, and no table of
// targets is made.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <numeric>
#include <vector>

#include "checks.h"
#include "loss-rows.h"

namespace bridge {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void checkPositions(const char* name, const at::Tensor& positions, int64_t size) {
  const int32_t* at = positions.data_ptr<int32_t>();
  for (int64_t i = 0; i < positions.numel(); ++i) TORCH_CHECK_INDEX(at[i] >= 0 && at[i] < size, name, ": position ", at[i], " of ", size);
}

/// Σ of part(first, count) over pieces of `count`, always the same: sums do not depend on the threads.
template <typename Part>
double sumOfPieces(int64_t count, const Part& part) {
  constexpr int64_t pieceSize = 1 << 14;
  std::vector<double> sums((count + pieceSize - 1) / pieceSize);
  at::parallel_for(0, static_cast<int64_t>(sums.size()), 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) sums[i] = part(i * pieceSize, std::min(pieceSize, count - i * pieceSize));
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits, const at::Tensor& positions, const at::Tensor& targets) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({kept(logits), kept(positions), kept(targets)});
    const float* x = logits.data_ptr<float>();
    double sum = sumOfPieces(logits.numel(), [&](int64_t first, int64_t count) { return sumOfSoftplus(x + first, count); });
    const int32_t* at = positions.data_ptr<int32_t>();
    const float* wanted = targets.data_ptr<float>();
    for (int64_t i = 0; i < positions.numel(); ++i) sum -= static_cast<double>(wanted[i]) * static_cast<double>(x[at[i]]);
    return at::scalar_tensor(sum, logits.options());
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &positions = saved[1], &targets = saved[2];
    const float scale = outputs[0].item<float>();
    at::Tensor gradient = at::empty_like(logits);
    const float* x = logits.data_ptr<float>();
    float* to = gradient.data_ptr<float>();
    constexpr int64_t grain = 1 << 14;
    at::parallel_for(0, logits.numel(), grain, [&](int64_t first, int64_t last) { scaledSigmoid(x + first, to + first, scale, last - first); });
    const int32_t* at = positions.data_ptr<int32_t>();
    const float* wanted = targets.data_ptr<float>();
    for (int64_t i = 0; i < positions.numel(); ++i) to[at[i]] -= scale * wanted[i];
    return {gradient, {}, {}};
  }
};

/// Binary cross-entropy of all logits, summed: Σ softplus(x) − t · x, where the target t is zero but at the positions given.
at::Tensor crossEntropy(const at::Tensor& logits, const at::Tensor& positions, const at::Tensor& targets) {
  constexpr Checks checks("cross_entropy");
  checks.dense("logits", logits, at::kFloat);
  checks.dense("positions", positions, at::kInt);
  checks.dense("targets", targets, at::kFloat);
  checks.that(targets.numel() == positions.numel(), "targets", targets, "as many as the ", positions.numel(), " positions");
  checkPositions("cross_entropy", positions, logits.numel());
  return CrossEntropy::apply(logits, positions, targets);
}

class BoxLosses : public torch::autograd::Function<BoxLosses> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& distributions, const at::Tensor& rows, const at::Tensor& anchors, const at::Tensor& boxes,
                            const at::Tensor& weights) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const int64_t count = rows.numel(), width = distributions.size(1), bins = width / 4;
    const at::Tensor probabilities = at::empty({count, width}, distributions.options());
    const at::Tensor terms = at::empty({count, termSize}, distributions.options());
    overAnchors(distributions, rows, anchors, boxes, [&](int64_t i, const LearningAnchor& anchor) {
      termsOf(terms, i) = boxTerms(anchor, bins, probabilities.data_ptr<float>() + i * width);
    });
    double box = 0, focal = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double weight = weights.data_ptr<float>()[i];
      box += weight * static_cast<double>(termsOf(terms, i).box);
      focal += weight * static_cast<double>(termsOf(terms, i).focal);
    }
    context->save_for_backward({kept(distributions), kept(rows), kept(anchors), kept(boxes), kept(weights), probabilities, terms});
    at::Tensor sums = at::empty({2}, distributions.options());
    sums.data_ptr<float>()[0] = static_cast<float>(box);
    sums.data_ptr<float>()[1] = static_cast<float>(focal);
    return sums;
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &distributions = saved[0], &rows = saved[1], &weights = saved[4], &probabilities = saved[5], &terms = saved[6];
    const int64_t width = distributions.size(1), bins = width / 4;
    const at::Tensor scales = outputs[0].contiguous(), gradient = at::zeros_like(distributions);
    const float boxScale = scales.data_ptr<float>()[0], focalScale = scales.data_ptr<float>()[1];
    overAnchors(distributions, rows, saved[2], saved[3], [&](int64_t i, const LearningAnchor& anchor) {
      const float weight = weights.data_ptr<float>()[i];
      boxGradient(anchor, termsOf(terms, i), probabilities.data_ptr<float>() + i * width, bins, weight * boxScale, weight * focalScale,
                  gradient.data_ptr<float>() + rows.data_ptr<int32_t>()[i] * width);
    });
    return {gradient, {}, {}, {}, {}};
  }

 private:
  static constexpr int64_t termSize = sizeof(BoxTerms) / sizeof(float);
  static BoxTerms& termsOf(const at::Tensor& terms, int64_t i) { return reinterpret_cast<BoxTerms*>(terms.data_ptr<float>())[i]; }

  template <typename Body>
  static void overAnchors(const at::Tensor& distributions, const at::Tensor& rows, const at::Tensor& anchors, const at::Tensor& boxes, const Body& body) {
    const int64_t width = distributions.size(1);
    constexpr int64_t grain = 64;
    at::parallel_for(0, rows.numel(), grain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        body(i, {distributions.data_ptr<float>() + rows.data_ptr<int32_t>()[i] * width, anchors.data_ptr<float>() + 4 * i, boxes.data_ptr<float>() + 4 * i});
      }
    });
  }
};

/// Up to here a distance in float32 stays below the last bin.
constexpr int64_t mostBins = 1 << 16;

/// Σ weight · (1 − CIoU) and Σ weight · (distribution focal loss) of the anchors that learn objects.
/// @param distributions [anchors, 4 · bins] logits
/// @param rows [F] which of the anchors, each once
/// @param anchors [F, 4] x y x y in cells
/// @param boxes [F, 4] x1 y1 x2 y2 of the objects in cells
/// @returns [2]
at::Tensor boxLosses(const at::Tensor& distributions, const at::Tensor& rows, const at::Tensor& anchors, const at::Tensor& boxes, const at::Tensor& weights) {
  constexpr Checks checks("box_losses");
  checks.dense("distributions", distributions, at::kFloat);
  const bool fits = distributions.dim() == 2 && distributions.size(1) % 4 == 0 && distributions.size(1) / 4 >= 2 && distributions.size(1) / 4 <= mostBins;
  checks.that(fits, "distributions", distributions, "[anchors, 4 * bins] of 2 to ", mostBins, " bins");
  checks.dense("rows", rows, at::kInt);
  const int64_t count = rows.numel();
  const auto countFits = [&](const char* argument, const at::Tensor& given, int64_t wanted) {
    checks.dense(argument, given, at::kFloat);
    checks.that(given.numel() == wanted, argument, given, wanted, " numbers for ", count, " rows");
  };
  countFits("anchors", anchors, 4 * count);
  countFits("boxes", boxes, 4 * count);
  countFits("weights", weights, count);
  checkPositions("box_losses", rows, distributions.size(0));
  return BoxLosses::apply(distributions, rows, anchors, boxes, weights);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def("cross_entropy(Tensor logits, Tensor positions, Tensor targets) -> Tensor", crossEntropy);
  library.def("box_losses(Tensor distributions, Tensor rows, Tensor anchors, Tensor boxes, Tensor weights) -> Tensor", boxLosses);
}

}  // namespace bridge
