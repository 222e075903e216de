// Operations on features whose results go to memory that is there already, without gradients. All tensors are [B, C, H, W] of one type with
// a pixel stride (channels-last.h): slices of the channels of others will do.
#pragma once

#include <ATen/ATen.h>

namespace bridge {

/// Means of 2 × 2 windows; y is a row and a column smaller than x.
void smoothInto(const at::Tensor& x, const at::Tensor& y);

/// Every pixel four times; y is twice as high and wide as x.
void enlargeInto(const at::Tensor& x, const at::Tensor& y);

/// The largest value of every kernel × kernel window, one every `stride` pixels, within a border of `padding` pixels that counts for nothing.
void maxPoolInto(const at::Tensor& x, const at::Tensor& y, int64_t kernel, int64_t stride, int64_t padding);

/// y = a + b
void addInto(const at::Tensor& a, const at::Tensor& b, const at::Tensor& y);

/// y = x
void copyInto(const at::Tensor& x, const at::Tensor& y);

/// Bytes of planar images as numbers from 0 to 1. @param bytes as many as y has elements
void unitImagesInto(const uint8_t* bytes, const at::Tensor& y);

}  // namespace bridge
