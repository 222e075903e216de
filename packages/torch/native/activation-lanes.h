// The activations of sixteen values and their derivatives.
#pragma once

#include "activation-codes.h"
#include "avx512.h"

#if defined(YOLOV9_AVX512)

namespace bridge {
namespace {

template <typename T, Activation activation>
YOLOV9_INLINE __m512 activated(__m512 z) {
  if constexpr (activation == Activation::identity) return z;
  if constexpr (activation == Activation::relu) return _mm512_max_ps(_mm512_setzero_ps(), z);
  return _mm512_mul_ps(z, sigmoid<T>(z));
}

/// dy · act′(z)
template <typename T, Activation activation>
YOLOV9_INLINE __m512 derived(__m512 z, __m512 dy) {
  if constexpr (activation == Activation::identity) return dy;
  if constexpr (activation == Activation::relu) return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_GT_OQ), dy);
  const __m512 s = sigmoid<T>(z);
  const __m512 rest = _mm512_fnmadd_ps(s, s, s);  // s · (1 − s)
  return _mm512_mul_ps(dy, _mm512_fmadd_ps(z, rest, s));
}

}  // namespace
}  // namespace bridge
#endif
