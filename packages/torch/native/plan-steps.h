// The steps of a plan: what each kind is given, how that is checked and what runs it.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "checks.h"

namespace bridge {

/// What one run is given.
struct Frame {
  const uint8_t* images;
  float* predictions;
};

/// A tensor of the model: not owned, so that the plan can tell when the model has given it up.
class Constant {
 public:
  explicit Constant(const at::Tensor& tensor) : owner_(tensor.getIntrusivePtr()) {}
  bool expired() const { return owner_.expired(); }
  at::Tensor lock() const { return at::Tensor(owner_.lock()); }

 private:
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> owner_;
};

/// A step as TypeScript describes it.
struct Description {
  std::string kind;
  std::vector<at::Tensor> reads, writes;
  std::vector<c10::optional<Constant>> constants;
  std::vector<int64_t> numbers;

  c10::optional<at::Tensor> constant(size_t index) const {
    return constants.at(index) ? c10::make_optional(constants[index]->lock()) : c10::nullopt;
  }
  c10::optional<at::Tensor> residual() const { return reads.size() > 1 ? c10::make_optional(reads[1]) : c10::nullopt; }
};

/// What a step is checked against.
struct Sizes {
  int64_t imageBytes, predictionCount;
};

/// The checks of what a plan is made of.
constexpr Checks planChecks("plan");

/// How a kind of step is checked and run.
struct Kind {
  void (*check)(const Description&, const Sizes&);
  void (*run)(const Description&, const Frame&);
};

/// @throws c10::Error for a name that no kind has
const Kind& kindOf(const std::string& name);

}  // namespace bridge
