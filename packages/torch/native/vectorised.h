// What the fused kernels share: element types with their arithmetic type, an exponential that compilers vectorise, and
// one compiled variant per instruction set, chosen when the library is loaded.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Feature levels, not processor names: the latter would match only processors of that very maker.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define YOLOV9_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define YOLOV9_CLONES
#endif
#define YOLOV9_INLINE static inline __attribute__((always_inline))

namespace bridge {

/// The upper half of a float32; arithmetic is done in float32.
struct BFloat16Bits {
  uint16_t bits;
};

template <typename T>
struct Arithmetic {
  using Type = T;
};
template <>
struct Arithmetic<BFloat16Bits> {
  using Type = float;
};

YOLOV9_INLINE float load(const float* at) { return *at; }
YOLOV9_INLINE double load(const double* at) { return *at; }
YOLOV9_INLINE float load(const BFloat16Bits* at) {
  const uint32_t bits = static_cast<uint32_t>(at->bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

YOLOV9_INLINE void store(float* at, float value) { *at = value; }
YOLOV9_INLINE void store(double* at, double value) { *at = value; }
/// Rounds to nearest, ties to even.
YOLOV9_INLINE void store(BFloat16Bits* at, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  at->bits = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// e^x to about 2 units in the last place: x = n·ln 2 + r, a polynomial in r (Cephes expf), then n into the exponent.
YOLOV9_INLINE float exponential(float x) {
  x = x > 88.0f ? 88.0f : x;
  x = x < -87.0f ? -87.0f : x;
  constexpr float roundingMagic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer in the low mantissa bits
  const float shifted = x * 1.44269504088896341f + roundingMagic;
  const float n = shifted - roundingMagic;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  const int32_t bits = (exponent + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}
YOLOV9_INLINE double exponential(double x) { return std::exp(x); }

}  // namespace bridge
