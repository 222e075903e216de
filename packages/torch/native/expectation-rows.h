// Expected values of distributions over bins 0, 1, …: what a box side's distance is decoded from.
#pragma once

#include <cstdint>

namespace bridge {

/// out[row] = Σ i · softmax(logits[row])ᵢ for rows of at most 16 bins.
using ExpectRows = void (*)(const float* logits, float* out, int64_t rows, int64_t bins);
constexpr int64_t mostBins = 16;

/// Null where the processor (or the compiler) has no AVX-512.
ExpectRows avx512ExpectRows();

}  // namespace bridge
