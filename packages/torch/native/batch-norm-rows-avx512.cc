// The loops of batch-norm-rows.h with AVX-512: one exponential, no division, and bfloat16 converted by the processor.
#include "batch-norm-rows.h"

#include "activation-lanes.h"

namespace bridge {

#if defined(YOLOV9_AVX512)

namespace {

template <typename T>
void sum(const T* x, const float* shift, float* sums, float* squares, int64_t rows, int64_t channels) {
  overLanes(channels, [&](int64_t c, auto mask) {
    const __m512 guess = loadLanes(shift + c, mask);
    __m512 sum = loadLanes(sums + c, mask), square = loadLanes(squares + c, mask);
    const T* at = x + c;
    for (int64_t row = 0; row < rows; ++row, at += channels) {
      const __m512 d = _mm512_sub_ps(loadLanes(at, mask), guess);
      sum = _mm512_add_ps(sum, d);
      square = _mm512_fmadd_ps(d, d, square);
    }
    storeLanes(sums + c, sum, mask);
    storeLanes(squares + c, square, mask);
  });
}

template <typename T, Activation activation, bool two>
void applyTo(const T* x1, const T* x2, T* y, const float* scale1, const float* scale2, const float* offset, int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; ++row, x1 += channels, y += channels) {
    overLanes(channels, [&](int64_t c, auto mask) {
      __m512 z = _mm512_fmadd_ps(loadLanes(x1 + c, mask), loadLanes(scale1 + c, mask), loadLanes(offset + c, mask));
      if constexpr (two) z = _mm512_fmadd_ps(loadLanes(x2 + c, mask), loadLanes(scale2 + c, mask), z);
      storeLanes(y + c, activated<T, activation>(z), mask);
    });
    if constexpr (two) x2 += channels;
  }
}

template <typename T, Activation activation, bool two>
void reduceOf(const T* x1, const T* x2, const T* dy, int64_t dyStride, const float* scale1, const float* scale2, const float* offset, const float* mean1,
              const float* mean2, float* sums, float* products1, float* products2, int64_t rows, int64_t channels) {
  overLanes(channels, [&](int64_t c, auto mask) {
    const __m512 s1 = loadLanes(scale1 + c, mask), s2 = loadLanes(scale2 + c, mask), o = loadLanes(offset + c, mask);
    const __m512 m1 = loadLanes(mean1 + c, mask), m2 = loadLanes(mean2 + c, mask);
    __m512 sum = loadLanes(sums + c, mask), product1 = loadLanes(products1 + c, mask), product2 = loadLanes(products2 + c, mask);
    const T* d = dy + c;
    for (int64_t row = 0, at = c; row < rows; ++row, at += channels, d += dyStride) {
      const __m512 v1 = loadLanes(x1 + at, mask);
      __m512 z = _mm512_fmadd_ps(v1, s1, o), v2;
      if constexpr (two) {
        v2 = loadLanes(x2 + at, mask);
        z = _mm512_fmadd_ps(v2, s2, z);
      }
      const __m512 dz = derived<T, activation>(z, loadLanes(d, mask));
      sum = _mm512_add_ps(sum, dz);
      product1 = _mm512_fmadd_ps(dz, _mm512_sub_ps(v1, m1), product1);
      if constexpr (two) product2 = _mm512_fmadd_ps(dz, _mm512_sub_ps(v2, m2), product2);
    }
    storeLanes(sums + c, sum, mask);
    storeLanes(products1 + c, product1, mask);
    if constexpr (two) storeLanes(products2 + c, product2, mask);
  });
}

template <typename T, Activation activation, bool two>
void backwardTo(const T* x1, const T* x2, const T* dy, int64_t dyStride, T* dx1, T* dx2, const float* scale1, const float* scale2, const float* offset,
                const float* slope1, const float* slope2, const float* constant1, const float* constant2, int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; ++row, x1 += channels, dy += dyStride, dx1 += channels) {
    overLanes(channels, [&](int64_t c, auto mask) {
      const __m512 v1 = loadLanes(x1 + c, mask), s1 = loadLanes(scale1 + c, mask);
      __m512 z = _mm512_fmadd_ps(v1, s1, loadLanes(offset + c, mask)), v2, s2;
      if constexpr (two) {
        v2 = loadLanes(x2 + c, mask);
        s2 = loadLanes(scale2 + c, mask);
        z = _mm512_fmadd_ps(v2, s2, z);
      }
      const __m512 dz = derived<T, activation>(z, loadLanes(dy + c, mask));
      storeLanes(dx1 + c, _mm512_fmadd_ps(s1, dz, _mm512_fmadd_ps(v1, loadLanes(slope1 + c, mask), loadLanes(constant1 + c, mask))), mask);
      if constexpr (two) {
        storeLanes(dx2 + c, _mm512_fmadd_ps(s2, dz, _mm512_fmadd_ps(v2, loadLanes(slope2 + c, mask), loadLanes(constant2 + c, mask))), mask);
      }
    });
    if constexpr (two) {
      x2 += channels;
      dx2 += channels;
    }
  }
}

template <typename T, Activation activation>
void apply(const T* x1, const T* x2, T* y, const float* scale1, const float* scale2, const float* offset, int64_t rows, int64_t channels) {
  (x2 ? applyTo<T, activation, true> : applyTo<T, activation, false>)(x1, x2, y, scale1, scale2, offset, rows, channels);
}

template <typename T, Activation activation>
void reduce(const T* x1, const T* x2, const T* dy, int64_t dyStride, const float* scale1, const float* scale2, const float* offset, const float* mean1,
            const float* mean2, float* sums, float* products1, float* products2, int64_t rows, int64_t channels) {
  (x2 ? reduceOf<T, activation, true> : reduceOf<T, activation, false>)(x1, x2, dy, dyStride, scale1, scale2, offset, mean1, mean2, sums, products1,
                                                                        products2, rows, channels);
}

template <typename T, Activation activation>
void backward(const T* x1, const T* x2, const T* dy, int64_t dyStride, T* dx1, T* dx2, const float* scale1, const float* scale2, const float* offset,
              const float* slope1, const float* slope2, const float* constant1, const float* constant2, int64_t rows, int64_t channels) {
  (x2 ? backwardTo<T, activation, true> : backwardTo<T, activation, false>)(x1, x2, dy, dyStride, dx1, dx2, scale1, scale2, offset, slope1, slope2,
                                                                            constant1, constant2, rows, channels);
}

template <typename T>
constexpr RowKernels<T> table = {
    sum<T>,
    {apply<T, Activation::identity>, apply<T, Activation::silu>, apply<T, Activation::relu>},
    {reduce<T, Activation::identity>, reduce<T, Activation::silu>, reduce<T, Activation::relu>},
    {backward<T, Activation::identity>, backward<T, Activation::silu>, backward<T, Activation::relu>},
};

}  // namespace

const RowKernels<float>* avx512FloatRows() { return hasAvx512() ? &table<float> : nullptr; }
const RowKernels<BFloat16Bits>* avx512BFloat16Rows() { return hasAvx512BFloat16() ? &table<BFloat16Bits> : nullptr; }

#else

const RowKernels<float>* avx512FloatRows() { return nullptr; }
const RowKernels<BFloat16Bits>* avx512BFloat16Rows() { return nullptr; }

#endif

}  // namespace bridge
