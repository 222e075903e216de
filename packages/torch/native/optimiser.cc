// Stochastic gradient descent, gradient norm and moving averages over lists of tensors. A model has hundreds of small
// tensors and the work is bound by memory: lists are cut into chunks for the threads, and one pass over a chunk does all
// that happens to it. Gradients are those that autograd accumulated in the parameters.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <utility>
#include <vector>

#include "checks.h"
#include "gradient-sums.h"
#include "optimiser-rows.h"

namespace bridge {

namespace {

/// Elements handled together: all that belongs to them stays in cache.
constexpr int64_t chunkSize = 16384;

struct Chunk {
  size_t tensor;
  int64_t first, count;
};

std::vector<Chunk> chunksOf(const std::vector<at::Tensor>& tensors) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t size = tensors[i].numel();
    for (int64_t first = 0; first < size; first += chunkSize) chunks.push_back({i, first, std::min(chunkSize, size - first)});
  }
  return chunks;
}

/// Calls body(chunkIndex, chunk) in parallel. Each thread takes the next chunk when it is done with one: chunks of small tensors
/// are smaller, so equal numbers of them would not be equal work.
template <typename Body>
void overChunks(const std::vector<Chunk>& chunks, const Body& body) {
  const auto count = static_cast<int64_t>(chunks.size());
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), count), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < count; i = next++) body(i, chunks[i]);
  });
}

template <typename T>
T* at(const std::vector<at::Tensor>& tensors, const Chunk& chunk) {
  return static_cast<T*>(tensors[chunk.tensor].data_ptr()) + chunk.first;
}

template <typename Body>
void overTypes(at::ScalarType type, const Body& body) {
  if (type == at::kDouble) return body(double{});
  body(float{});
}

/// Whether elements at the same place in memory are the same elements: strides of dimensions of one element say nothing.
bool sameLayout(const at::Tensor& a, const at::Tensor& b) {
  for (int64_t d = 0; d < a.dim(); ++d) {
    if (a.size(d) != 1 && a.stride(d) != b.stride(d)) return false;
  }
  return a.is_non_overlapping_and_dense() && b.is_non_overlapping_and_dense();
}

/// The values in the memory layout of `model`; the tensor itself where it has that layout.
at::Tensor inLayoutOf(const at::Tensor& model, const at::Tensor& tensor) {
  return sameLayout(model, tensor) ? tensor : at::empty_like(model).copy_(tensor);
}

/// Whether the kernels take these: float32 or float64 on the CPU. Everything else goes through libtorch's operators.
bool haveKernel(const std::vector<at::Tensor>& tensors) {
  const at::ScalarType type = tensors.front().scalar_type();
  if (type != at::kFloat && type != at::kDouble) return false;
  return std::all_of(tensors.begin(), tensors.end(), [&](const at::Tensor& tensor) {
    return tensor.is_cpu() && tensor.scalar_type() == type && tensor.is_non_overlapping_and_dense();
  });
}

/// Autograd, and whoever keeps something made from a tensor, notice by this number that its values were overwritten.
void countChange(const std::vector<at::Tensor>& tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (tensor.defined()) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

/// Tensors of one list of which each is there, and has a gradient of its own sizes if it has one.
void checkParameters(const char* name, at::TensorList parameters) {
  const Checks checks(name);
  for (size_t i = 0; i < parameters.size(); ++i) {
    checks.floating({"parameters", static_cast<int64_t>(i)}, parameters[i]);
    const at::Tensor& gradient = parameters[i].grad();
    if (gradient.defined()) checks.like({"the gradient of parameters", static_cast<int64_t>(i)}, gradient, parameters[i]);
  }
}

/// As many tensors as parameters, each like its parameter.
void checkCompanions(const char* name, const char* argument, at::TensorList companions, at::TensorList parameters) {
  const Checks checks(name);
  checks.count(argument, companions.size(), parameters.size());
  for (size_t i = 0; i < companions.size(); ++i) checks.like({argument, static_cast<int64_t>(i)}, companions[i], parameters[i]);
}

/// An average has its source's sizes and device; one of another precision goes by libtorch's operators.
void checkAverage(const Checks& checks, const ArgumentName& argument, const at::Tensor& average, const at::Tensor& source) {
  checks.tensor(argument, average);
  checks.sizes(argument, average, source.sizes());
  checks.sameDevice(argument, average, source);
}

void checkAverages(const char* name, const c10::List<c10::optional<at::Tensor>>& averages, at::TensorList parameters) {
  const Checks checks(name);
  checks.count("averages", averages.size(), parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const c10::optional<at::Tensor> average = averages.get(i);
    if (average) checkAverage(checks, {"averages", static_cast<int64_t>(i)}, *average, parameters[i]);
  }
}

void checkNumbers(const Checks& checks, std::initializer_list<std::pair<const char*, double>> numbers) {
  for (const auto& [argument, number] : numbers) checks.finite(argument, number);
}

/// L2 norm of all gradients together. `fused` is false for libtorch's operators, here and below. Partial sums are added up in float64 and in the same order whatever the threads do.
double gradientNorm(at::TensorList parameters, bool fused) {
  checkParameters("gradient_norm", parameters);
  const at::NoGradGuard noGrad;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return 0;
  if (!fused || !haveKernel(gradients)) return at::stack(at::_foreach_norm(gradients, 2)).norm().item<double>();
  double total = 0;
  std::vector<at::Tensor> unknown;
  for (const at::Tensor& gradient : gradients) {
    const c10::optional<double> noted = notedSumOfSquares(gradient);
    if (noted) total += *noted;
    else unknown.push_back(gradient);
  }
  const std::vector<Chunk> chunks = chunksOf(unknown);
  std::vector<double> sums(chunks.size());
  overTypes(gradients.front().scalar_type(), [&](auto element) {
    using T = decltype(element);
    overChunks(chunks, [&](int64_t index, const Chunk& chunk) { sums[index] = sumOfSquares(at<T>(unknown, chunk), chunk.count); });
  });
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

/// average ← decay · average + (1 − decay) · source
void follow(at::TensorList averages, at::TensorList sources, double decay, bool fused) {
  constexpr Checks checks("follow");
  checks.count("averages", averages.size(), sources.size());
  for (size_t i = 0; i < averages.size(); ++i) {
    checks.tensor({"sources", static_cast<int64_t>(i)}, sources[i]);
    checkAverage(checks, {"averages", static_cast<int64_t>(i)}, averages[i], sources[i]);
  }
  checks.share("decay", decay);
  const at::NoGradGuard noGrad;
  std::vector<at::Tensor> targets(averages.begin(), averages.end()), values(sources.begin(), sources.end());
  if (targets.empty()) return;
  if (!fused || !haveKernel(targets) || !haveKernel(values) || targets.front().scalar_type() != values.front().scalar_type()) {
    at::_foreach_mul_(targets, decay);
    at::_foreach_add_(targets, values, 1 - decay);
    return;
  }
  for (size_t i = 0; i < targets.size(); ++i) values[i] = inLayoutOf(targets[i], values[i]);
  overTypes(targets.front().scalar_type(), [&](auto element) {
    using T = decltype(element);
    overChunks(chunksOf(targets), [&](int64_t, const Chunk& chunk) {
      followRow(at<T>(targets, chunk), at<T>(values, chunk), static_cast<T>(decay), chunk.count);
    });
  });
  countChange(targets);
}

/// What one step moves: parameters that have a gradient, and what belongs to each of them at the same index. An average is
/// undefined where it is none of this pass's business.
struct Moved {
  std::vector<at::Tensor> parameters, gradients, momenta, averages;
};

bool haveKernel(const Moved& moved) {
  if (!haveKernel(moved.parameters)) return false;
  for (size_t i = 0; i < moved.parameters.size(); ++i) {
    const at::Tensor &parameter = moved.parameters[i], &average = moved.averages[i];
    if (!sameLayout(parameter, moved.momenta[i])) return false;
    if (average.defined() && !(average.is_cpu() && average.scalar_type() == parameter.scalar_type())) return false;
  }
  return true;
}

void stepWithOperators(const Moved& moved, const SgdSettings<double>& s, bool nesterov) {
  const auto& [parameters, gradients, momenta, averages] = moved;
  if (s.scale != 1) at::_foreach_mul_(gradients, s.scale);
  if (s.weightDecay != 0) at::_foreach_add_(gradients, parameters, s.weightDecay);
  at::_foreach_mul_(momenta, s.momentum);
  at::_foreach_add_(momenta, gradients, 1);
  if (nesterov) at::_foreach_add_(gradients, momenta, s.momentum);
  at::_foreach_add_(parameters, nesterov ? gradients : momenta, -s.lr);
  std::vector<at::Tensor> followers, leaders;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!averages[i].defined()) continue;
    followers.push_back(averages[i]);
    leaders.push_back(parameters[i]);
  }
  follow(followers, leaders, s.decay, false);
}

template <typename T>
void stepWithKernel(const Moved& moved, const SgdSettings<double>& settings, bool nesterov) {
  const SgdSettings<T> s = settings.as<T>();
  overChunks(chunksOf(moved.parameters), [&](int64_t, const Chunk& chunk) {
    T* parameter = at<T>(moved.parameters, chunk);
    const T* gradient = at<T>(moved.gradients, chunk);
    T* momentum = at<T>(moved.momenta, chunk);
    if (nesterov) {
      nesterovRow(parameter, gradient, momentum, s, chunk.count);
    } else {
      momentumRow(parameter, gradient, momentum, s, chunk.count);
    }
    if (moved.averages[chunk.tensor].defined()) followRow(at<T>(moved.averages, chunk), parameter, s.decay, chunk.count);
  });
}

/// One step of SGD on one group, and averages that follow its parameters. The formulas are torch.optim.SGD's; a momentum
/// buffer of zeros gives its first step. `averages` holds nothing for parameters that have none.
void sgdStep(at::TensorList parameters, at::TensorList momenta, const c10::List<c10::optional<at::Tensor>>& averages, double scale, double lr, double momentum,
             double weightDecay, bool nesterov, double decay, bool fused) {
  constexpr const char* name = "sgd_step";
  checkParameters(name, parameters);
  checkCompanions(name, "momenta", momenta, parameters);
  checkAverages(name, averages, parameters);
  const Checks checks(name);
  checkNumbers(checks, {{"scale", scale}, {"lr", lr}, {"momentum", momentum}, {"weight_decay", weightDecay}});
  checks.share("decay", decay);
  const at::NoGradGuard noGrad;
  Moved moved;
  std::vector<at::Tensor> others, averagesOfOthers;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const c10::optional<at::Tensor> given = averages.get(i);
    at::Tensor average = given ? *given : at::Tensor();
    const bool moves = parameter.grad().defined();
    if (average.defined() && (!moves || !sameLayout(parameter, average))) {
      others.push_back(parameter);
      averagesOfOthers.push_back(std::move(average));
      average = at::Tensor();
    }
    if (!moves) continue;
    moved.parameters.push_back(parameter);
    moved.gradients.push_back(inLayoutOf(parameter, parameter.grad()));
    moved.momenta.push_back(momenta[i]);
    moved.averages.push_back(std::move(average));
  }
  if (!moved.parameters.empty()) {
    const SgdSettings<double> settings{scale, lr, momentum, weightDecay, decay};
    if (fused && haveKernel(moved)) {
      overTypes(moved.parameters.front().scalar_type(), [&](auto element) { stepWithKernel<decltype(element)>(moved, settings, nesterov); });
    } else {
      stepWithOperators(moved, settings, nesterov);
    }
  }
  follow(averagesOfOthers, others, decay, fused);
  countChange(moved.parameters);
  countChange(moved.averages);
}

/// Frees the gradients of all parameters.
void clearGradients(at::TensorList parameters) {
  for (size_t i = 0; i < parameters.size(); ++i) Checks("clear_gradients").tensor({"parameters", static_cast<int64_t>(i)}, parameters[i]);
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad() = at::Tensor();
}

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)

/// The gradient as the kernels that take many tensors want it: with its parameter's very strides, even those of dimensions of one element.
at::Tensor gradientLike(const at::Tensor& parameter) {
  const at::Tensor& gradient = parameter.grad();
  if (gradient.strides() == parameter.strides()) return gradient;
  if (!sameLayout(parameter, gradient)) return at::empty_like(parameter).copy_(gradient);
  return gradient.as_strided(parameter.sizes(), parameter.strides());
}

/// sums += gradients of the parameters, which are freed: many tensors a kernel, where autograd adds up one by one.
void collectGradients(at::TensorList parameters, at::TensorList sums) {
  checkParameters("collect_gradients", parameters);
  checkCompanions("collect_gradients", "sums", sums, parameters);
  const at::NoGradGuard noGrad;
  std::vector<at::Tensor> gradients, targets;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].grad().defined()) continue;
    gradients.push_back(gradientLike(parameters[i]));
    targets.push_back(sums[i]);
    parameters[i].mutable_grad() = at::Tensor();
  }
  if (!gradients.empty()) at::_foreach_add_(targets, gradients);
}

/// [] float32, L2 norm of all gradients together; nothing waits for it.
at::Tensor gradientNormOnDevice(at::TensorList gradients) {
  for (size_t i = 0; i < gradients.size(); ++i) Checks("gradient_norm_on_device").floating({"gradients", static_cast<int64_t>(i)}, gradients[i]);
  const at::NoGradGuard noGrad;
  return gradients.empty() ? at::zeros({}) : at::stack(at::_foreach_norm(gradients, 2)).norm();
}

/// One step of SGD on one group, and averages that follow its parameters, without waiting for the gradients' norm: the device itself
/// scales gradients longer than `maxNorm`, and leaves everything as it is where the norm is not finite.
void sgdStepOnDevice(at::TensorList parameters, at::TensorList gradients, at::TensorList momenta, const c10::List<c10::optional<at::Tensor>>& averages, const at::Tensor& norm,
                     double maxNorm, double clippingEpsilon, double lr, double momentum, double weightDecay, bool nesterov, double decay) {
  constexpr const char* name = "sgd_step_on_device";
  checkParameters(name, parameters);
  checkCompanions(name, "gradients", gradients, parameters);
  checkCompanions(name, "momenta", momenta, parameters);
  checkAverages(name, averages, parameters);
  const Checks checks(name);
  checks.floating("norm", norm);
  checks.that(norm.numel() == 1, "norm", norm, "one number");
  checkNumbers(checks, {{"clipping_epsilon", clippingEpsilon}, {"lr", lr}, {"momentum", momentum}, {"weight_decay", weightDecay}});
  TORCH_CHECK(maxNorm > 0, name, ": max_norm must be positive, got ", maxNorm);
  checks.share("decay", decay);
  if (parameters.empty()) return;
  const at::NoGradGuard noGrad;
  const at::Tensor divisor = (norm + clippingEpsilon).div(maxNorm).clamp_min(1).to(at::kFloat);
  const at::Tensor notFinite = at::isfinite(norm).logical_not().to(at::kFloat);
  at::_fused_sgd_(parameters, gradients, momenta, weightDecay, momentum, lr, 0, nesterov, false, false, divisor, notFinite);
  std::vector<at::Tensor> followers, leaders;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const c10::optional<at::Tensor> average = averages.get(i);
    if (!average) continue;
    followers.push_back(*average);
    leaders.push_back(parameters[i]);
  }
  if (!followers.empty()) at::_foreach_lerp_(followers, leaders, 1 - decay);
}

#else

void collectGradients(at::TensorList, at::TensorList) { TORCH_CHECK(false, "training on a GPU needs libtorch 2.3 or newer"); }

at::Tensor gradientNormOnDevice(at::TensorList) { TORCH_CHECK(false, "training on a GPU needs libtorch 2.3 or newer"); }

void sgdStepOnDevice(at::TensorList, at::TensorList, at::TensorList, const c10::List<c10::optional<at::Tensor>>&, const at::Tensor&, double, double, double,
                     double, double, bool, double) {
  TORCH_CHECK(false, "training on a GPU needs libtorch 2.3 or newer");
}

#endif

}  // namespace

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def("gradient_norm(Tensor[] parameters, bool fused) -> float", gradientNorm);
  library.def("collect_gradients(Tensor[] parameters, Tensor[] sums) -> ()", collectGradients);
  library.def("gradient_norm_on_device(Tensor[] gradients) -> Tensor", gradientNormOnDevice);
  library.def(
      "sgd_step_on_device(Tensor[] parameters, Tensor[] gradients, Tensor[] momenta, Tensor?[] averages, Tensor norm, float max_norm, float clipping_epsilon, float lr, "
      "float momentum, float weight_decay, bool nesterov, float decay) -> ()",
      sgdStepOnDevice);
  library.def("clear_gradients(Tensor[] parameters) -> ()", clearGradients);
  library.def("follow(Tensor[] averages, Tensor[] sources, float decay, bool fused) -> ()", follow);
  library.def(
      "sgd_step(Tensor[] parameters, Tensor[] momenta, Tensor?[] averages, float scale, float lr, float momentum, float weight_decay, "
      "bool nesterov, float decay, bool fused) -> ()",
      sgdStep);
}

}  // namespace bridge
