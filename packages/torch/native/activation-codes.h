// The codes by which TypeScript names activations; apart from activation.h, so that inner loops need not include libtorch.
#pragma once

#include <cstdint>

namespace bridge {

enum class Activation : int64_t { identity = 0, silu = 1, relu = 2 };
constexpr int activationCount = 3;

}  // namespace bridge
