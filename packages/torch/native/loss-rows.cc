// The loops of loss-rows.h, compiled for each instruction set, and the formulas of Complete IoU (Zheng et al. 2020) and of the distribution
// focal loss (Li et al. 2020) with their derivatives, which packages/yolov9/src/loss has by operators.
#include "loss-rows.h"

#include <algorithm>

#include "vectorised.h"

namespace bridge {

namespace {

/// ln(1 + u) for 0 ≤ u ≤ 1 by the series of 2 · artanh(u / (2 + u)), to about 1e-7.
YOLOV9_INLINE float logOfOnePlus(float u) {
  const float s = u / (2.0f + u), q = s * s;
  float p = 1.0f / 13;
  p = p * q + 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  return 2.0f * s * (p * q + 1.0f);
}

YOLOV9_INLINE float softplus(float x) { return (x > 0.0f ? x : 0.0f) + logOfOnePlus(exponential(x > 0.0f ? -x : x)); }

constexpr int64_t sumLanes = 64;

/// totals[lane] += softplus of every 64th of 64 · blocks values
YOLOV9_CLONES void addSoftplus(const float* __restrict__ x, float* __restrict__ totals, int64_t blocks) {
  for (int64_t block = 0; block < blocks; ++block, x += sumLanes) {
    for (int64_t lane = 0; lane < sumLanes; ++lane) totals[lane] += softplus(x[lane]);
  }
}

constexpr float epsilon = 1e-7f;
constexpr float aspectFactor = 0.405284734569351f;  // 4 / π²
/// Distances stay this far below the last bin, so that both of their neighbours exist.
constexpr float lastBinMargin = 0.01f;
constexpr float sideSigns[4] = {-1, -1, 1, 1};

/// Of max(a, b) by a; of min(a, b) it is 1 less that.
float shareOfLarger(float a, float b) { return a > b ? 1.0f : a < b ? 0.0f : 0.5f; }

/// How one axis of a box and of its target lie to each other.
struct Axis {
  float size, targetSize, inner, enclosing, shift;
  float innerByLow, innerByHigh, enclosingByLow, enclosingByHigh;

  Axis(float low, float high, float targetLow, float targetHigh, float margin)
      : size(high - low + margin), targetSize(targetHigh - targetLow + margin), enclosing(std::max(high, targetHigh) - std::min(low, targetLow)),
        shift(targetLow + targetHigh - low - high) {
    const float overlap = std::min(high, targetHigh) - std::max(low, targetLow), counts = overlap >= 0 ? 1.0f : 0.0f;
    inner = std::max(overlap, 0.0f);
    innerByLow = -counts * shareOfLarger(low, targetLow);
    innerByHigh = counts * (1 - shareOfLarger(high, targetHigh));
    enclosingByLow = -(1 - shareOfLarger(low, targetLow));
    enclosingByHigh = shareOfLarger(high, targetHigh);
  }
};

/// 1 − CIoU of a box with its target, and its derivatives by x1, y1, x2 and y2. The weight of the aspect term is a constant for them, as in
/// the paper.
float boxLoss(const float* box, const float* target, float* byCorner) {
  const Axis x(box[0], box[2], target[0], target[2], 0), y(box[1], box[3], target[1], target[3], epsilon);
  const float intersection = x.inner * y.inner, whole = x.size * y.size + x.targetSize * y.targetSize - intersection + epsilon;
  const float overlap = intersection / whole;
  const float diagonal = x.enclosing * x.enclosing + y.enclosing * y.enclosing + epsilon;
  const float distance = (x.shift * x.shift + y.shift * y.shift) / 4;
  const float angle = std::atan(x.targetSize / y.targetSize) - std::atan(x.size / y.size);
  const float aspect = aspectFactor * angle * angle, weight = aspect / (aspect - overlap + 1 + epsilon);

  const float byInner = (1 + overlap) / whole, bySize = -overlap / whole;  // of the overlap
  const float byAngle = 2 * aspectFactor * angle * weight / (x.size * x.size + y.size * y.size);
  const auto derivative = [&](const Axis& along, const Axis& across, float inner, float enclosing, float size, float aspectBySize) {
    const float ofOverlap = byInner * inner * across.inner + bySize * size * across.size;
    const float ofDistance = -along.shift / 2 / diagonal - distance / (diagonal * diagonal) * 2 * along.enclosing * enclosing;
    return -(ofOverlap - ofDistance + byAngle * aspectBySize * size);
  };
  byCorner[0] = derivative(x, y, x.innerByLow, x.enclosingByLow, -1, y.size);
  byCorner[1] = derivative(y, x, y.innerByLow, y.enclosingByLow, -1, -x.size);
  byCorner[2] = derivative(x, y, x.innerByHigh, x.enclosingByHigh, 1, y.size);
  byCorner[3] = derivative(y, x, y.innerByHigh, y.enclosingByHigh, 1, -x.size);
  return 1 - (overlap - (distance / diagonal + aspect * weight));
}

/// The two bins next to a distance, and what they are to have of the probability.
struct TwoBins {
  int64_t left;
  float leftShare, rightShare;

  TwoBins(float distance, int64_t bins) {
    const float positive = distance > 0 ? distance : 0;  // and not a number never
    const float bounded = std::min(positive, static_cast<float>(bins) - 1 - lastBinMargin);
    left = static_cast<int64_t>(bounded);
    rightShare = bounded - static_cast<float>(left);
    leftShare = static_cast<float>(left) + 1 - bounded;
  }
};

TwoBins targetBins(const LearningAnchor& anchor, int side, int64_t bins) {
  return {(anchor.box[side] - anchor.centre[side % 2]) * sideSigns[side], bins};
}

/// to = e^(logit − the side's largest)
YOLOV9_CLONES void exponentials(const float* __restrict__ logits, float* __restrict__ to, const float* __restrict__ largest, int64_t bins) {
  for (int side = 0; side < 4; ++side, logits += bins, to += bins) {
    for (int64_t i = 0; i < bins; ++i) to[i] = exponential(logits[i] - largest[side]);
  }
}

}  // namespace

double sumOfSoftplus(const float* x, int64_t count) {
  float totals[sumLanes] = {};
  addSoftplus(x, totals, count / sumLanes);
  double sum = 0;
  for (const float total : totals) sum += static_cast<double>(total);
  for (int64_t i = count / sumLanes * sumLanes; i < count; ++i) sum += static_cast<double>(softplus(x[i]));
  return sum;
}

YOLOV9_CLONES void scaledSigmoid(const float* __restrict__ x, float* __restrict__ to, float scale, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = scale / (1.0f + exponential(-x[i]));
}

BoxTerms boxTerms(const LearningAnchor& anchor, int64_t bins, float* probabilities) {
  const float* logits = anchor.logits;
  BoxTerms terms{};
  // All four sides at once: chains of sums that do not wait for each other.
  float largest[4], sum[4] = {}, box[4];
  for (int side = 0; side < 4; ++side) largest[side] = logits[side * bins];
  for (int64_t i = 1; i < bins; ++i) {
    for (int side = 0; side < 4; ++side) largest[side] = std::max(largest[side], logits[side * bins + i]);
  }
  exponentials(logits, probabilities, largest, bins);
  for (int64_t i = 0; i < bins; ++i) {
    for (int side = 0; side < 4; ++side) {
      sum[side] += probabilities[side * bins + i];
      terms.expected[side] += static_cast<float>(i) * probabilities[side * bins + i];
    }
  }
  for (int side = 0; side < 4; ++side, logits += bins, probabilities += bins) {
    const float scale = 1 / sum[side], logOfSum = largest[side] + std::log(sum[side]);
    for (int64_t i = 0; i < bins; ++i) probabilities[i] *= scale;
    terms.expected[side] *= scale;
    const TwoBins wanted = targetBins(anchor, side, bins);
    terms.focal += (wanted.leftShare * (logOfSum - logits[wanted.left]) + wanted.rightShare * (logOfSum - logits[wanted.left + 1])) / 4;
    box[side] = anchor.centre[side % 2] + sideSigns[side] * terms.expected[side];
  }
  terms.box = boxLoss(box, anchor.box, terms.boxByDistance);
  for (int side = 0; side < 4; ++side) terms.boxByDistance[side] *= sideSigns[side];
  return terms;
}

void boxGradient(const LearningAnchor& anchor, const BoxTerms& terms, const float* probabilities, int64_t bins, float boxScale, float focalScale,
                 float* gradient) {
  for (int side = 0; side < 4; ++side, probabilities += bins, gradient += bins) {
    const float byDistance = boxScale * terms.boxByDistance[side], quarter = focalScale / 4;
    for (int64_t i = 0; i < bins; ++i) {
      gradient[i] = probabilities[i] * (byDistance * (static_cast<float>(i) - terms.expected[side]) + quarter);
    }
    const TwoBins wanted = targetBins(anchor, side, bins);
    gradient[wanted.left] -= quarter * wanted.leftShare;
    gradient[wanted.left + 1] -= quarter * wanted.rightShare;
  }
}

}  // namespace bridge
