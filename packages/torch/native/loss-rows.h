// The arithmetic of losses.cc: pointers and counts only.
#pragma once

#include <cstdint>

namespace bridge {

/// Σ softplus(x)
double sumOfSoftplus(const float* x, int64_t count);

/// to = scale · sigmoid(x)
void scaledSigmoid(const float* x, float* to, float scale, int64_t count);

/// One anchor that learns an object.
struct LearningAnchor {
  const float* logits;  // [4, bins] distributions of the distances to the left, top, right and bottom side
  const float* centre;  // x y in cells
  const float* box;     // x1 y1 x2 y2 of the object in cells
};

/// What an anchor loses, and what its gradient needs.
struct BoxTerms {
  float box;               // 1 − CIoU
  float focal;             // cross-entropy with the two bins next to each distance, averaged over the sides
  float boxByDistance[4];  // ∂ box / ∂ distance
  float expected[4];       // distances
};

/// @param probabilities receives softmax(logits), [4, bins]
BoxTerms boxTerms(const LearningAnchor& anchor, int64_t bins, float* probabilities);

/// gradient[4, bins] = boxScale · ∂ box / ∂ logits + focalScale · ∂ focal / ∂ logits
void boxGradient(const LearningAnchor& anchor, const BoxTerms& terms, const float* probabilities, int64_t bins, float boxScale, float focalScale,
                 float* gradient);

}  // namespace bridge
