// What operators ask of their arguments at their entry, in constant time for every tensor or number: kernels trust what went through here.
// Every message names the operator, the argument, what is wanted and what was given.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <ostream>

#include "activation-codes.h"
#include "scalar-types.h"

namespace bridge {

/// An argument, or one tensor of an argument that is a list.
struct ArgumentName {
  ArgumentName(const char* name_, int64_t index_ = -1) : name(name_), index(index_) {}
  const char* name;
  int64_t index;
};

inline std::ostream& operator<<(std::ostream& out, const ArgumentName& argument) {
  out << argument.name;
  return argument.index < 0 ? out : out << "[" << argument.index << "]";
}

/// A tensor as messages show it.
struct Shown {
  const at::Tensor& tensor;
};

inline std::ostream& operator<<(std::ostream& out, const Shown& shown) {
  if (!shown.tensor.defined()) return out << "none";
  return out << nameOfScalarType(shown.tensor.scalar_type()) << " " << shown.tensor.sizes() << " on " << shown.tensor.device();
}

/// The checks of one operator.
class Checks {
 public:
  explicit constexpr Checks(const char* operatorName) : operator_(operatorName) {}

  template <typename... Wanted>
  void that(bool holds, const ArgumentName& argument, const at::Tensor& given, const Wanted&... wanted) const {
    TORCH_CHECK(holds, operator_, ": ", argument, " must be ", wanted..., ", got ", Shown{given});
  }

  /// A tensor of elements in memory of its own device, as all operators here take them.
  void tensor(const ArgumentName& argument, const at::Tensor& given) const {
    TORCH_CHECK(given.defined(), operator_, ": ", argument, " is missing");
    TORCH_CHECK(given.layout() == at::kStrided, operator_, ": ", argument, " must be strided, got ", given.layout());
  }

  void floating(const ArgumentName& argument, const at::Tensor& given) const {
    tensor(argument, given);
    that(at::isFloatingType(given.scalar_type()), argument, given, "floating-point");
  }

  /// @param wanted e.g. "[B, C, H, W]"
  void dimensions(const ArgumentName& argument, const at::Tensor& given, int64_t count, const char* wanted) const {
    that(given.dim() == count, argument, given, wanted);
  }

  void features(const ArgumentName& argument, const at::Tensor& given) const {
    floating(argument, given);
    dimensions(argument, given, 4, "[B, C, H, W]");
  }

  void sizes(const ArgumentName& argument, const at::Tensor& given, at::IntArrayRef wanted) const {
    that(given.sizes() == wanted, argument, given, wanted);
  }

  /// @param other what the tensor meets
  void sameDevice(const ArgumentName& argument, const at::Tensor& given, const at::Tensor& other) const {
    that(given.device() == other.device(), argument, given, "on ", other.device());
  }

  void sameType(const ArgumentName& argument, const at::Tensor& given, const at::Tensor& other) const {
    that(given.scalar_type() == other.scalar_type(), argument, given, nameOfScalarType(other.scalar_type()));
  }

  /// Of another tensor's sizes, type and device.
  void like(const ArgumentName& argument, const at::Tensor& given, const at::Tensor& other) const {
    tensor(argument, given);
    sizes(argument, given, other.sizes());
    sameType(argument, given, other);
    sameDevice(argument, given, other);
  }

  /// Elements one after another on the CPU.
  void dense(const ArgumentName& argument, const at::Tensor& given, at::ScalarType type) const {
    tensor(argument, given);
    that(given.is_cpu() && given.scalar_type() == type && given.is_contiguous(), argument, given, "contiguous ", nameOfScalarType(type), " on cpu");
  }

  void number(const char* argument, int64_t given, int64_t least, int64_t most = INT32_MAX) const {
    TORCH_CHECK(given >= least && given <= most, operator_, ": ", argument, " must be from ", least, " to ", most, ", got ", given);
  }

  void finite(const char* argument, double given) const {
    TORCH_CHECK(std::isfinite(given), operator_, ": ", argument, " must be finite, got ", given);
  }

  /// A number from 0 to 1.
  void share(const char* argument, double given) const {
    TORCH_CHECK(given >= 0 && given <= 1, operator_, ": ", argument, " must be from 0 to 1, got ", given);
  }

  void activation(int64_t code) const { number("activation", code, 0, activationCount - 1); }

  void count(const char* argument, size_t given, size_t wanted) const {
    TORCH_CHECK(given == wanted, operator_, ": ", argument, " must be ", wanted, " tensors, got ", given);
  }

 private:
  const char* operator_;
};

/// What backward keeps of a tensor: its memory, sizes and version of now. The tensor itself might be given other sizes before backward reads it.
inline at::Tensor kept(const at::Tensor& tensor) { return tensor.defined() ? at::Tensor(tensor.tensor_data()) : tensor; }

}  // namespace bridge
