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

#define YOLOV9_LARGEST_PIXELS(T)                                                                          \
  YOLOV9_CLONES void largestPixels(T* out, const T* first, PixelWindow window, int64_t length) {          \
    for (int64_t i = 0; i < length; ++i) {                                                                \
      auto largest = load(first + i);                                                                     \
      for (int64_t row = 0; row < window.rows; ++row) {                                                   \
        for (int64_t column = 0; column < window.columns; ++column) {                                     \
          const auto value = load(first + row * window.rowStride + column * window.pixelStride + i);      \
          largest = value > largest ? value : largest;                                                    \
        }                                                                                                 \
      }                                                                                                   \
      store(out + i, largest);                                                                            \
    }                                                                                                     \
  }
YOLOV9_LARGEST_PIXELS(float)
YOLOV9_LARGEST_PIXELS(double)
YOLOV9_LARGEST_PIXELS(BFloat16Bits)

template <typename T>
constexpr PixelKernels<T> portable = {sumPixels, largestPixels};

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
