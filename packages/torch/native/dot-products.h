// The processor's bfloat16 dot product, which multiplies pairs and adds them to float32: sums of many stay in registers while all
// that they are made of passes by.
#pragma once

#include "avx512.h"

#if defined(YOLOV9_AVX512)

namespace bridge {
namespace {

/// Elements of sixteen pairs.
constexpr int64_t pairBlock = 2 * lanes;

YOLOV9_INLINE __m512bh pairsAt(const BFloat16Bits* at) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(at)); }
YOLOV9_INLINE __m512bh pairEverywhere(const BFloat16Bits* at) {
  int32_t pair;
  std::memcpy(&pair, at, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

/// Two vectors, rounded, as pairs: (first₀, second₀), (first₁, second₁), …
YOLOV9_INLINE __m512i interleaved(__m512 first, __m512 second) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

/// Blocks of sixteen channels in pairs, `stride` elements from block to block, those of one block one after another.
struct PairBlocks {
  const BFloat16Bits* data;
  int64_t stride;
};

/// Pairs that are multiplied with every channel of a block: `step` from input to input, `advance` from pair to pair.
struct PairInputs {
  const BFloat16Bits* data;
  int64_t step, advance;
};

/// Inputs that an address and multiples of one step reach without a register of their own.
constexpr int inputsPerBase = 5;

template <int blocks, int inputs>
YOLOV9_INLINE void clear(__m512 (&total)[blocks][inputs]) {
#pragma GCC unroll 2
  for (int b = 0; b < blocks; ++b) {
#pragma GCC unroll 28
    for (int i = 0; i < inputs; ++i) total[b][i] = _mm512_setzero_ps();
  }
}

/// total[block][input] += Σ over pairs of x[input][pair] · w[block][pair]
template <int blocks, int inputs>
YOLOV9_INLINE void addProducts(__m512 (&total)[blocks][inputs], PairInputs x, PairBlocks w, int64_t pairs) {
  constexpr int bases = (inputs + inputsPerBase - 1) / inputsPerBase;
  const BFloat16Bits* base[bases];
  for (int i = 0; i < bases; ++i) base[i] = x.data + i * inputsPerBase * x.step;
  for (int64_t pair = 0; pair < pairs; ++pair, w.data += pairBlock) {
    __m512bh block[blocks];
    for (int b = 0; b < blocks; ++b) block[b] = pairsAt(w.data + b * w.stride);
#pragma GCC unroll 28
    for (int i = 0; i < inputs; ++i) {
      const __m512bh input = pairEverywhere(base[i / inputsPerBase] + i % inputsPerBase * x.step);
      for (int b = 0; b < blocks; ++b) total[b][i] = _mm512_dpbf16_ps(total[b][i], block[b], input);
    }
    for (int i = 0; i < bases; ++i) base[i] += x.advance;
  }
}

/// Inputs of the largest tile with one block of channels; half as many with two.
constexpr int largestTile = 28;

template <int number>
struct Number {
  static constexpr int value = number;
};

/// The functions of(Number<1>()) … of(Number<most>()).
template <typename Function, int most>
class ByNumber {
 public:
  template <typename Of>
  explicit ByNumber(const Of& of) {
    list<most>(of);
  }
  Function operator[](int64_t number) const { return functions_[number]; }

 private:
  template <int number, typename Of>
  void list(const Of& of) {
    if constexpr (number > 0) {
      functions_[number] = of(Number<number>());
      list<number - 1>(of);
    }
  }

  Function functions_[most + 1];
};

}  // namespace
}  // namespace bridge
#endif
