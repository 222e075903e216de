// The inner loops of batch normalisation and activation over rows of channels-last memory, as tables of functions: one for
// each element type, the fastest that this processor runs. They know pointers and counts only; tensors, threads and autograd
// are batch-norm-activation.cc's.
#pragma once

#include "activation-codes.h"
#include "vectorised.h"

namespace bridge {

template <typename T>
struct RowKernels {
  using A = typename Arithmetic<T>::Type;

  /// sums[c] += Σ (x − shift), squares[c] += Σ (x − shift)²: shifting by a guess of the mean avoids cancellation.
  using Sum = void (*)(const T* x, const A* shift, A* sums, A* squares, int64_t rows, int64_t channels);

  /// y = act(x₁·scale₁ + x₂·scale₂ + offset); x₂ may be null, here and below.
  using Apply = void (*)(const T* x1, const T* x2, T* y, const A* scale1, const A* scale2, const A* offset, int64_t rows, int64_t channels);

  /// With dz = dy · act′(z): sums[c] += Σ dz and products_k[c] += Σ dz · (x_k − mean_k). Rows of dy are `dyStride` apart.
  using Reduce = void (*)(const T* x1, const T* x2, const T* dy, int64_t dyStride, const A* scale1, const A* scale2, const A* offset, const A* mean1,
                          const A* mean2, A* sums, A* products1, A* products2, int64_t rows, int64_t channels);

  /// dx_k = scale_k · dz + x_k · slope_k + constant_k; in evaluation slope and constant are zero.
  using Backward = void (*)(const T* x1, const T* x2, const T* dy, int64_t dyStride, T* dx1, T* dx2, const A* scale1, const A* scale2, const A* offset,
                            const A* slope1, const A* slope2, const A* constant1, const A* constant2, int64_t rows, int64_t channels);

  Sum sum;
  Apply apply[activationCount];
  Reduce reduce[activationCount];
  Backward backward[activationCount];
};

/// The table for this processor.
template <typename T>
const RowKernels<T>& rowKernels();

/// The same with AVX-512 intrinsics; null where the processor (or the compiler) has none.
const RowKernels<float>* avx512FloatRows();
const RowKernels<BFloat16Bits>* avx512BFloat16Rows();

}  // namespace bridge
