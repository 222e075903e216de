// Sixteen channels of tiles of images on their way into Winograd's transforms (winograd-tiles.h).
#pragma once

#include "avx512.h"
#include "winograd-tiles.h"

#if defined(YOLOV9_AVX512)

namespace bridge {
namespace {

/// Reads sixteen channels of the columns of up to four rows of pixels, zero outside the image.
class Columns {
 public:
  Columns(const TileRows& x, int64_t tileRow, int64_t firstRow, int rows, int64_t channel) : width_(x.width) {
    for (int i = 0; i < rows; ++i) {
      const BFloat16Bits* row = x.row(tileRow, firstRow + i);
      pixels_[i] = row ? row + channel : zeros;
      step_[i] = row ? x.pixels.pixelStride : 0;
    }
  }

  template <int rows>
  YOLOV9_INLINE void read(const Columns& columns, int64_t column, __m512 (&d)[rows]) {
    if (column < 0 || column >= columns.width_) {
      for (int i = 0; i < rows; ++i) d[i] = _mm512_setzero_ps();
    } else {
      for (int i = 0; i < rows; ++i) d[i] = loadLanes(columns.pixels_[i] + column * columns.step_[i], AllLanes{});
    }
  }

 private:
  static constexpr BFloat16Bits zeros[lanes] = {};
  const BFloat16Bits* pixels_[4];
  int64_t step_[4], width_;
};

/// Bᵀ d
YOLOV9_INLINE void transformInput(const __m512 (&d)[4], __m512 (&t)[4]) {
  t[0] = _mm512_sub_ps(d[0], d[2]);
  t[1] = _mm512_add_ps(d[1], d[2]);
  t[2] = _mm512_sub_ps(d[2], d[1]);
  t[3] = _mm512_sub_ps(d[1], d[3]);
}

/// A column of Bᵀ d.
YOLOV9_INLINE void inputColumn(const Columns& columns, int64_t column, __m512 (&t)[4]) {
  __m512 d[4];
  Columns::read(columns, column, d);
  transformInput(d, t);
}

/// Row i of Bᵀ d B from four columns of Bᵀ d.
YOLOV9_INLINE void inputRow(const __m512 (*t)[4], int i, __m512 (&v)[4]) {
  const __m512 row[4] = {t[0][i], t[1][i], t[2][i], t[3][i]};
  transformInput(row, v);
}

}  // namespace
}  // namespace bridge
#endif
