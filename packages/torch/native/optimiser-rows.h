// The inner loops of the optimiser over flat memory, compiled for each instruction set. They know pointers and counts only;
// tensors and threads are optimiser.cc's.
#pragma once

#include "vectorised.h"

namespace bridge {
namespace {

// Without the promise that no two pointers overlap the loops below are not vectorised.
#define RESTRICT __restrict__

template <typename T>
struct SgdSettings {
  /// Of the gradient, which clipping makes smaller than 1.
  T scale;
  T lr, momentum, weightDecay;
  /// Of the average.
  T decay;

  template <typename U>
  SgdSettings<U> as() const {
    return {static_cast<U>(scale), static_cast<U>(lr), static_cast<U>(momentum), static_cast<U>(weightDecay), static_cast<U>(decay)};
  }
};

/// Σ x², summed in float64.
#define YOLOV9_SUM_OF_SQUARES(T)                                                     \
  YOLOV9_CLONES double sumOfSquares(const T* x, int64_t count) {                     \
    constexpr int64_t lanes = 32; /* sums of their own, so that they can be vectors */ \
    double sums[lanes] = {};                                                         \
    int64_t i = 0;                                                                   \
    for (; i + lanes <= count; i += lanes) {                                         \
      for (int64_t lane = 0; lane < lanes; ++lane) {                                 \
        const double value = static_cast<double>(x[i + lane]);                       \
        sums[lane] += value * value;                                                 \
      }                                                                              \
    }                                                                                \
    for (; i < count; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]); \
    double total = 0;                                                                \
    for (const double sum : sums) total += sum;                                      \
    return total;                                                                    \
  }

/// v ← momentum · v + g, where g is the scaled gradient with weight decay; parameter ← parameter − lr · DIRECTION.
#define YOLOV9_SGD_ROW(T, NAME, DIRECTION)                                                                               \
  YOLOV9_CLONES void NAME(T* RESTRICT parameter, const T* RESTRICT gradient, T* RESTRICT velocity, const SgdSettings<T>& settings, \
                          int64_t count) {                                                                                \
    const auto [scale, lr, momentum, weightDecay, decay] = settings;                                                      \
    for (int64_t i = 0; i < count; ++i) {                                                                                 \
      const T g = scale * gradient[i] + weightDecay * parameter[i];                                                       \
      const T v = momentum * velocity[i] + g;                                                                             \
      velocity[i] = v;                                                                                                    \
      parameter[i] -= lr * (DIRECTION);                                                                                   \
    }                                                                                                                     \
  }

/// average ← decay · average + (1 − decay) · source
#define YOLOV9_FOLLOW_ROW(T)                                                                              \
  YOLOV9_CLONES void followRow(T* RESTRICT average, const T* RESTRICT source, T decay, int64_t count) {  \
    for (int64_t i = 0; i < count; ++i) average[i] = decay * average[i] + (1 - decay) * source[i];        \
  }

// target_clones does not combine with templates, so every variant is an overload of its own.
#define YOLOV9_OPTIMISER_KERNELS(T)               \
  YOLOV9_SUM_OF_SQUARES(T)                        \
  YOLOV9_SGD_ROW(T, momentumRow, v)               \
  YOLOV9_SGD_ROW(T, nesterovRow, g + momentum * v) \
  YOLOV9_FOLLOW_ROW(T)
YOLOV9_OPTIMISER_KERNELS(float)
YOLOV9_OPTIMISER_KERNELS(double)

}  // namespace
}  // namespace bridge
