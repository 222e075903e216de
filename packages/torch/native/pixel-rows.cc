// The loops of pixel-rows.h in plain C++, compiled for each instruction set, and the choice among them and others.
#include "pixel-rows.h"

namespace bridge {

namespace {

// target_clones does not combine with templates, so every element type is an overload of its own.
#define YOLOV9_SUM_PIXELS(T)                                                                                                   \
  YOLOV9_CLONES void sumPixels(T* out, const T* const* sources, int sourceCount, Arithmetic<T>::Type factor, int64_t length) { \
    for (int64_t i = 0; i < length; ++i) {                                                                                     \
      auto sum = load(sources[0] + i);                                                                                         \
      for (int k = 1; k < sourceCount; ++k) sum += load(sources[k] + i);                                                       \
      store(out + i, sum * factor);                                                                                            \
    }                                                                                                                          \
  }
YOLOV9_SUM_PIXELS(float)
YOLOV9_SUM_PIXELS(double)
YOLOV9_SUM_PIXELS(BFloat16Bits)

template <typename T>
constexpr PixelKernels<T> portable = {sumPixels};

}  // namespace

template <>
const PixelKernels<double>& pixelKernels<double>() {
  return portable<double>;
}
template <>
const PixelKernels<float>& pixelKernels<float>() {
  static const PixelKernels<float>* const fast = avx512FloatPixels();
  return fast ? *fast : portable<float>;
}
template <>
const PixelKernels<BFloat16Bits>& pixelKernels<BFloat16Bits>() {
  static const PixelKernels<BFloat16Bits>* const fast = avx512BFloat16Pixels();
  return fast ? *fast : portable<BFloat16Bits>;
}

}  // namespace bridge
