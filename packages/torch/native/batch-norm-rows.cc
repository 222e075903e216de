// The loops of batch-norm-rows.h in plain C++, compiled for each instruction set, and the choice among them and others.
#include "batch-norm-rows.h"

namespace bridge {

namespace {

template <typename A>
YOLOV9_INLINE A activate(A z, Activation activation) {
  if (activation == Activation::identity) return z;
  if (activation == Activation::relu) return z > A(0) ? z : A(0);
  return z / (A(1) + exponential(-z));
}

template <typename A>
YOLOV9_INLINE A derivative(A z, Activation activation) {
  if (activation == Activation::identity) return A(1);
  if (activation == Activation::relu) return z > A(0) ? A(1) : A(0);
  const A s = A(1) / (A(1) + exponential(-z));
  return s * (A(1) + z * (A(1) - s));
}

// Without the promise that no two pointers overlap the loops below are not vectorised.
#define RESTRICT __restrict__

#define YOLOV9_SUM_ROWS(T) \
  YOLOV9_CLONES void sumRows(const T* RESTRICT x, const Arithmetic<T>::Type* RESTRICT shift, Arithmetic<T>::Type* RESTRICT sums, \
                             Arithmetic<T>::Type* RESTRICT squares, int64_t rows, int64_t channels) { \
    for (int64_t row = 0; row < rows; ++row, x += channels) { \
      for (int64_t c = 0; c < channels; ++c) { \
        const auto d = load(x + c) - shift[c]; \
        sums[c] += d; \
        squares[c] += d * d; \
      } \
    } \
  }

#define YOLOV9_APPLY_ROWS(T, NAME, ACTIVATION) \
  YOLOV9_CLONES void NAME(const T* RESTRICT x1, const T* RESTRICT x2, T* RESTRICT y, const Arithmetic<T>::Type* RESTRICT scale1, \
                          const Arithmetic<T>::Type* RESTRICT scale2, const Arithmetic<T>::Type* RESTRICT offset, int64_t rows, \
                          int64_t channels) { \
    for (int64_t row = 0; row < rows; ++row, x1 += channels, y += channels) { \
      if (x2) { \
        for (int64_t c = 0; c < channels; ++c) { \
          store(y + c, activate(load(x1 + c) * scale1[c] + load(x2 + c) * scale2[c] + offset[c], ACTIVATION)); \
        } \
        x2 += channels; \
      } else { \
        for (int64_t c = 0; c < channels; ++c) { \
          store(y + c, activate(load(x1 + c) * scale1[c] + offset[c], ACTIVATION)); \
        } \
      } \
    } \
  }

#define YOLOV9_REDUCE_ROWS(T, NAME, ACTIVATION) \
  YOLOV9_CLONES void NAME(const T* RESTRICT x1, const T* RESTRICT x2, const T* RESTRICT dy, int64_t dyStride, const Arithmetic<T>::Type* RESTRICT scale1, \
                          const Arithmetic<T>::Type* RESTRICT scale2, const Arithmetic<T>::Type* RESTRICT offset, \
                          const Arithmetic<T>::Type* RESTRICT mean1, const Arithmetic<T>::Type* RESTRICT mean2, \
                          Arithmetic<T>::Type* RESTRICT sums, Arithmetic<T>::Type* RESTRICT products1, \
                          Arithmetic<T>::Type* RESTRICT products2, int64_t rows, int64_t channels) { \
    for (int64_t row = 0; row < rows; ++row, x1 += channels, dy += dyStride) { \
      if (x2) { \
        for (int64_t c = 0; c < channels; ++c) { \
          const auto v1 = load(x1 + c); \
          const auto v2 = load(x2 + c); \
          const auto dz = load(dy + c) * derivative(v1 * scale1[c] + v2 * scale2[c] + offset[c], ACTIVATION); \
          sums[c] += dz; \
          products1[c] += dz * (v1 - mean1[c]); \
          products2[c] += dz * (v2 - mean2[c]); \
        } \
        x2 += channels; \
      } else { \
        for (int64_t c = 0; c < channels; ++c) { \
          const auto v1 = load(x1 + c); \
          const auto dz = load(dy + c) * derivative(v1 * scale1[c] + offset[c], ACTIVATION); \
          sums[c] += dz; \
          products1[c] += dz * (v1 - mean1[c]); \
        } \
      } \
    } \
  }

#define YOLOV9_BACKWARD_ROWS(T, NAME, ACTIVATION) \
  YOLOV9_CLONES void NAME(const T* RESTRICT x1, const T* RESTRICT x2, const T* RESTRICT dy, int64_t dyStride, T* RESTRICT dx1, T* RESTRICT dx2, \
                          const Arithmetic<T>::Type* RESTRICT scale1, const Arithmetic<T>::Type* RESTRICT scale2, \
                          const Arithmetic<T>::Type* RESTRICT offset, const Arithmetic<T>::Type* RESTRICT slope1, \
                          const Arithmetic<T>::Type* RESTRICT slope2, const Arithmetic<T>::Type* RESTRICT constant1, \
                          const Arithmetic<T>::Type* RESTRICT constant2, int64_t rows, int64_t channels) { \
    for (int64_t row = 0; row < rows; ++row, x1 += channels, dy += dyStride, dx1 += channels) { \
      if (x2) { \
        for (int64_t c = 0; c < channels; ++c) { \
          const auto v1 = load(x1 + c); \
          const auto v2 = load(x2 + c); \
          const auto dz = load(dy + c) * derivative(v1 * scale1[c] + v2 * scale2[c] + offset[c], ACTIVATION); \
          store(dx1 + c, scale1[c] * dz + v1 * slope1[c] + constant1[c]); \
          store(dx2 + c, scale2[c] * dz + v2 * slope2[c] + constant2[c]); \
        } \
        x2 += channels; \
        dx2 += channels; \
      } else { \
        for (int64_t c = 0; c < channels; ++c) { \
          const auto v1 = load(x1 + c); \
          const auto dz = load(dy + c) * derivative(v1 * scale1[c] + offset[c], ACTIVATION); \
          store(dx1 + c, scale1[c] * dz + v1 * slope1[c] + constant1[c]); \
        } \
      } \
    } \
  }

// target_clones does not combine with templates, so every variant is an overload of its own.
#define YOLOV9_KERNELS(T)                                        \
  YOLOV9_SUM_ROWS(T)                                             \
  YOLOV9_APPLY_ROWS(T, applyIdentity, Activation::identity)      \
  YOLOV9_APPLY_ROWS(T, applySilu, Activation::silu)              \
  YOLOV9_APPLY_ROWS(T, applyRelu, Activation::relu)              \
  YOLOV9_REDUCE_ROWS(T, reduceIdentity, Activation::identity)    \
  YOLOV9_REDUCE_ROWS(T, reduceSilu, Activation::silu)            \
  YOLOV9_REDUCE_ROWS(T, reduceRelu, Activation::relu)            \
  YOLOV9_BACKWARD_ROWS(T, backwardIdentity, Activation::identity) \
  YOLOV9_BACKWARD_ROWS(T, backwardSilu, Activation::silu)        \
  YOLOV9_BACKWARD_ROWS(T, backwardRelu, Activation::relu)
YOLOV9_KERNELS(float)
YOLOV9_KERNELS(double)
YOLOV9_KERNELS(BFloat16Bits)

template <typename T>
constexpr RowKernels<T> portable = {sumRows,
                                    {applyIdentity, applySilu, applyRelu},
                                    {reduceIdentity, reduceSilu, reduceRelu},
                                    {backwardIdentity, backwardSilu, backwardRelu}};

template <typename T>
const RowKernels<T>& orPortable(const RowKernels<T>* kernels) {
  return kernels ? *kernels : portable<T>;
}

}  // namespace

template <>
const RowKernels<double>& rowKernels<double>() {
  return portable<double>;
}
template <>
const RowKernels<float>& rowKernels<float>() {
  static const RowKernels<float>& kernels = orPortable(avx512FloatRows());
  return kernels;
}
template <>
const RowKernels<BFloat16Bits>& rowKernels<BFloat16Bits>() {
  static const RowKernels<BFloat16Bits>& kernels = orPortable(avx512BFloat16Rows());
  return kernels;
}

}  // namespace bridge
