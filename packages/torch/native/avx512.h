// Sixteen float32 lanes for the kernels that compilers do not vectorise well on their own. Including this header turns
// AVX-512 on for the rest of the file, so a file that does includes no templates of the standard library (whose code, shared
// with other files, must run everywhere), and nothing in it runs before the processor was asked.
#pragma once

#include "vectorised.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define YOLOV9_AVX512 1
#include <immintrin.h>
// GCC 12 warns of the deliberately undefined operands inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")

namespace bridge {
namespace {

constexpr int64_t lanes = 16;

inline bool hasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
inline bool hasAvx512BFloat16() { return hasAvx512() && __builtin_cpu_supports("avx512bf16"); }

/// Stands where a mask of lanes may: all of them, which is cheaper to load and store.
struct AllLanes {};
YOLOV9_INLINE __mmask16 firstLanes(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }

YOLOV9_INLINE __m512 loadLanes(const float* at, AllLanes) { return _mm512_loadu_ps(at); }
YOLOV9_INLINE __m512 loadLanes(const float* at, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, at); }
YOLOV9_INLINE void storeLanes(float* at, __m512 value, AllLanes) { _mm512_storeu_ps(at, value); }
YOLOV9_INLINE void storeLanes(float* at, __m512 value, __mmask16 mask) { _mm512_mask_storeu_ps(at, mask, value); }

YOLOV9_INLINE __m512 widen(__m256i bits) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)); }
YOLOV9_INLINE __m512 loadLanes(const BFloat16Bits* at, AllLanes) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))); }
YOLOV9_INLINE __m512 loadLanes(const BFloat16Bits* at, __mmask16 mask) { return widen(_mm256_maskz_loadu_epi16(mask, at)); }
YOLOV9_INLINE void storeLanes(BFloat16Bits* at, __m512 value, AllLanes) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
}
YOLOV9_INLINE void storeLanes(BFloat16Bits* at, __m512 value, __mmask16 mask) {
  _mm256_mask_storeu_epi16(at, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
}

/// Sixteen numbers `stride` apart, zero beyond the mask.
YOLOV9_INLINE __m512 stridedLanes(const float* at, int64_t stride, __mmask16 mask) {
  if (stride == 1) return _mm512_maskz_loadu_ps(mask, at);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i index = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int32_t>(stride)));
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, index, at, sizeof(float));
}

/// Calls step(c, mask) for every sixteen of `count` elements, the last of them masked where they are fewer.
template <typename Step>
YOLOV9_INLINE void overLanes(int64_t count, const Step& step) {
  int64_t c = 0;
  for (; c + lanes <= count; c += lanes) step(c, AllLanes{});
  if (c < count) step(c, firstLanes(count - c));
}

YOLOV9_INLINE __m512 lanesOf(float value) { return _mm512_set1_ps(value); }

/// c₀ + c₁·f + …, the coefficients from the last to the first.
template <typename... Coefficients>
YOLOV9_INLINE __m512 polynomial(__m512 f, float last, Coefficients... others) {
  __m512 p = lanesOf(last);
  ((p = _mm512_fmadd_ps(p, f, lanesOf(others))), ...);
  return p;
}

/// 2^t as precise as T is: to about 2 units in the last place of float32, to 1e-4 for bfloat16, whose own step is 4e-3: a minimax
/// polynomial of t's fraction, scaled by 2 to t's floor. From 2^126 on it grows no more, which keeps what follows finite.
template <typename T>
YOLOV9_INLINE __m512 powerOfTwo(__m512 t) {
  constexpr bool precise = sizeof(T) == sizeof(float);
  // min returns its second operand where that is not a number.
  const __m512 bounded = _mm512_min_ps(lanesOf(126.0f), t);
  const __m512 f = _mm512_reduce_ps(bounded, 1);
  const __m512 p = precise ? polynomial(f, 1.877576673e-3f, 8.989340095e-3f, 5.582631805e-2f, 2.401536170e-1f, 6.931530732e-1f, 9.999999251e-1f)
                           : polynomial(f, 7.802452266e-2f, 2.260671554e-1f, 6.958335405e-1f, 9.999252186e-1f);
  return _mm512_scalef_ps(p, bounded);
}

/// Exchanges rows and columns of 32-bit lanes, by squares of 8, 4, 2 and 1 lanes.
YOLOV9_INLINE void transpose(__m512i (&rows)[lanes]) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 4
  for (int size = lanes / 2; size > 0; size /= 2) {
    const __mmask16 right = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(size));
    const __m512i upper = _mm512_mask_add_epi32(lane, right, lane, _mm512_set1_epi32(lanes - size));
    const __m512i lower = _mm512_add_epi32(upper, _mm512_set1_epi32(size));
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if (i & size) continue;
      const __m512i above = rows[i], below = rows[i + size];
      rows[i] = _mm512_permutex2var_epi32(above, upper, below);
      rows[i + size] = _mm512_permutex2var_epi32(above, lower, below);
    }
  }
}

constexpr float log2e = 1.44269504088896341f;

/// 1 / (1 + e^−z), as precise.
template <typename T>
YOLOV9_INLINE __m512 sigmoid(__m512 z) {
  constexpr bool precise = sizeof(T) == sizeof(float);
  const __m512 denominator = _mm512_add_ps(lanesOf(1.0f), powerOfTwo<T>(_mm512_mul_ps(z, lanesOf(-log2e))));
  const __m512 guess = _mm512_rcp14_ps(denominator);
  return precise ? _mm512_mul_ps(guess, _mm512_fnmadd_ps(denominator, guess, lanesOf(2.0f))) : guess;
}

}  // namespace
}  // namespace bridge
#endif
