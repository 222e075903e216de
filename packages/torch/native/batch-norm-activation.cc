// Batch normalisation and activation in two passes over channels-last memory, with their own backward:
//   y = act(Σ_k norm_k(x_k)),  k = 1 (Conv) or 2 (RepConv's 3×3 and 1×1 branches before fusion).
// Only the inputs and per-channel statistics are kept for backward; the normalised values are computed again.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <vector>

#include "batch-norm-rows.h"

namespace bridge {

namespace {

/// Rows handled together: small enough to stay in cache, large enough to make splitting cheap.
constexpr int64_t rowsPerBlock = 256;
/// Rows summed in float32 before the sum goes into a float64: keeps the rounding of long sums out of the statistics.
constexpr int64_t rowsPerSum = 8;

template <typename Silu, typename Relu, typename Identity>
void chooseActivation(Activation activation, Silu silu, Relu relu, Identity identity) {
  if (activation == Activation::silu) return silu();
  if (activation == Activation::relu) return relu();
  identity();
}

/// Calls body(firstRow, rows) in parallel over blocks of rows.
template <typename Body>
void overRows(int64_t rows, const Body& body) {
  const int64_t blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
  at::parallel_for(0, blocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) {
      const int64_t first = block * rowsPerBlock;
      body(first, std::min(rowsPerBlock, rows - first));
    }
  });
}

YOLOV9_CLONES void addTo(double* totals, const float* partial, int64_t width) {
  for (int64_t i = 0; i < width; ++i) totals[i] += static_cast<double>(partial[i]);
}
YOLOV9_CLONES void addTo(double* totals, const double* partial, int64_t width) {
  for (int64_t i = 0; i < width; ++i) totals[i] += partial[i];
}

/// Sums over rows: body(firstRow, rows, partial) adds into partial[width]; partials are added up in float64, always in
/// the same order, so that results do not depend on which thread was faster.
template <typename A, typename Body>
std::vector<double> sumOverRows(int64_t rows, int64_t width, const Body& body) {
  const int64_t blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
  const int64_t groups = std::min<int64_t>(blocks, 64);
  std::vector<double> totals(groups * width, 0.0);
  at::parallel_for(0, groups, 1, [&](int64_t from, int64_t to) {
    std::vector<A> partial(width);
    for (int64_t group = from; group < to; ++group) {
      for (int64_t block = group * blocks / groups; block < (group + 1) * blocks / groups; ++block) {
        const int64_t end = std::min((block + 1) * rowsPerBlock, rows);
        for (int64_t first = block * rowsPerBlock; first < end; first += rowsPerSum) {
          std::fill(partial.begin(), partial.end(), A(0));
          body(first, std::min(rowsPerSum, end - first), partial.data());
          addTo(totals.data() + group * width, partial.data(), width);
        }
      }
    }
  });
  for (int64_t group = 1; group < groups; ++group) {
    for (int64_t i = 0; i < width; ++i) totals[i] += totals[group * width + i];
  }
  totals.resize(width);
  return totals;
}

template <typename A>
std::vector<A> toVector(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(c10::CppTypeToScalarType<A>::value).contiguous();
  return std::vector<A>(values.data_ptr<A>(), values.data_ptr<A>() + values.numel());
}

/// One normalised input: its per-channel statistics and the affine map x·scale + offset that they come to.
template <typename A>
struct Normalisation {
  std::vector<A> mean, inverseDeviation, scale, offset;

  Normalisation(std::vector<A> mean_, std::vector<A> inverseDeviation_, const at::Tensor& weight, const at::Tensor& bias)
      : mean(std::move(mean_)), inverseDeviation(std::move(inverseDeviation_)), scale(mean.size()), offset(mean.size()) {
    const std::vector<A> w = toVector<A>(weight), b = toVector<A>(bias);
    for (size_t c = 0; c < mean.size(); ++c) {
      scale[c] = w[c] * inverseDeviation[c];
      offset[c] = b[c] - mean[c] * scale[c];
    }
  }
};

struct Shape {
  int64_t rows, channels;
  explicit Shape(const at::Tensor& x) : rows(x.numel() / x.size(1)), channels(x.size(1)) {}
};

template <typename T>
const T* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.data_ptr()) : nullptr;
}

/// Batch mean and 1/√(variance + eps); updates the running statistics as torch.nn.BatchNorm2d does.
template <typename T>
Normalisation<typename Arithmetic<T>::Type> normaliseByBatch(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                                             at::Tensor runningMean, at::Tensor runningVariance, double momentum,
                                                             double eps) {
  using A = typename Arithmetic<T>::Type;
  const Shape shape(x);
  const std::vector<A> shift = toVector<A>(runningMean);
  const T* values = data<T>(x);
  const std::vector<double> totals = sumOverRows<A>(shape.rows, 2 * shape.channels, [&](int64_t first, int64_t rows, A* partial) {
    sumRows(values + first * shape.channels, shift.data(), partial, partial + shape.channels, rows, shape.channels);
  });
  std::vector<A> mean(shape.channels), inverseDeviation(shape.channels);
  std::vector<double> unbiased(shape.channels);
  const double count = static_cast<double>(shape.rows);
  for (int64_t c = 0; c < shape.channels; ++c) {
    const double offset = totals[c] / count;
    const double variance = std::max(totals[shape.channels + c] / count - offset * offset, 0.0);
    mean[c] = static_cast<A>(shift[c] + offset);
    inverseDeviation[c] = static_cast<A>(1.0 / std::sqrt(variance + eps));
    unbiased[c] = variance * count / std::max(count - 1, 1.0);
  }
  const auto options = at::TensorOptions().dtype(at::kDouble);
  std::vector<double> means(mean.begin(), mean.end());
  runningMean.lerp_(at::from_blob(means.data(), {shape.channels}, options).to(runningMean.scalar_type()), momentum);
  runningVariance.lerp_(at::from_blob(unbiased.data(), {shape.channels}, options).to(runningVariance.scalar_type()), momentum);
  return {std::move(mean), std::move(inverseDeviation), weight, bias};
}

template <typename A>
Normalisation<A> normaliseByRunning(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& runningMean,
                                    const at::Tensor& runningVariance, double eps) {
  std::vector<A> deviation = toVector<A>(runningVariance);
  for (A& value : deviation) value = static_cast<A>(1.0 / std::sqrt(static_cast<double>(value) + eps));
  return {toVector<A>(runningMean), std::move(deviation), weight, bias};
}

template <typename A>
std::vector<A> sumOfOffsets(const std::vector<Normalisation<A>>& norms) {
  std::vector<A> sum = norms.front().offset;
  for (size_t k = 1; k < norms.size(); ++k) {
    for (size_t c = 0; c < sum.size(); ++c) sum[c] += norms[k].offset[c];
  }
  return sum;
}

template <typename T, typename A = typename Arithmetic<T>::Type>
void forwardKernel(const at::Tensor& x1, const at::Tensor& x2, at::Tensor& y, const std::vector<Normalisation<A>>& norms,
                   Activation activation) {
  const Shape shape(x1);
  const std::vector<A> offset = sumOfOffsets(norms);
  const A* scale1 = norms.front().scale.data();
  const A* scale2 = norms.back().scale.data();
  overRows(shape.rows, [&](int64_t first, int64_t rows) {
    const int64_t at = first * shape.channels;
    const T* a = data<T>(x1) + at;
    const T* b = x2.defined() ? data<T>(x2) + at : nullptr;
    T* out = static_cast<T*>(y.data_ptr()) + at;
    chooseActivation(
        activation, [&] { applySilu(a, b, out, scale1, scale2, offset.data(), rows, shape.channels); },
        [&] { applyRelu(a, b, out, scale1, scale2, offset.data(), rows, shape.channels); },
        [&] { applyIdentity(a, b, out, scale1, scale2, offset.data(), rows, shape.channels); });
  });
}

template <typename A>
struct Gradients {
  at::Tensor x1, x2;
  std::vector<double> bias;                    // Σ dz, the same for both branches
  std::array<std::vector<double>, 2> weights;  // Σ dz · x̂_k
};

template <typename T, typename A = typename Arithmetic<T>::Type>
Gradients<A> backwardKernel(const at::Tensor& x1, const at::Tensor& x2, const at::Tensor& dy, const std::vector<Normalisation<A>>& norms,
                            Activation activation, bool training) {
  const Shape shape(x1);
  const int64_t channels = shape.channels;
  const std::vector<A> offset = sumOfOffsets(norms);
  const Normalisation<A>&n1 = norms.front(), &n2 = norms.back();
  const auto pointers = [&](int64_t first) {
    const int64_t at = first * channels;
    return std::array<const T*, 3>{data<T>(x1) + at, x2.defined() ? data<T>(x2) + at : nullptr, data<T>(dy) + at};
  };
  const std::vector<double> totals = sumOverRows<A>(shape.rows, 3 * channels, [&](int64_t first, int64_t rows, A* partial) {
    const auto [a, b, d] = pointers(first);
    A *sums = partial, *products1 = partial + channels, *products2 = partial + 2 * channels;
    const auto reduce = [&, a = a, b = b, d = d](auto kernel) {
      kernel(a, b, d, n1.scale.data(), n2.scale.data(), offset.data(), n1.mean.data(), n2.mean.data(), sums, products1, products2, rows, channels);
    };
    chooseActivation(
        activation, [&] { reduce([](auto... args) { reduceSilu(args...); }); }, [&] { reduce([](auto... args) { reduceRelu(args...); }); },
        [&] { reduce([](auto... args) { reduceIdentity(args...); }); });
  });

  Gradients<A> gradients;
  gradients.bias.assign(totals.begin(), totals.begin() + channels);
  std::array<std::vector<A>, 2> slope, constant;
  for (size_t k = 0; k < norms.size(); ++k) {
    const Normalisation<A>& norm = norms[k];
    auto& weight = gradients.weights[k];
    weight.resize(channels);
    slope[k].assign(channels, A(0));
    constant[k].assign(channels, A(0));
    for (int64_t c = 0; c < channels; ++c) {
      weight[c] = totals[(k + 1) * channels + c] * norm.inverseDeviation[c];
      if (!training) continue;
      // d x = scale · (dz − mean(dz) − x̂ · mean(dz · x̂)), written as scale·dz + slope·x + constant
      const double slopeOf = -static_cast<double>(norm.scale[c]) * norm.inverseDeviation[c] * weight[c] / shape.rows;
      slope[k][c] = static_cast<A>(slopeOf);
      constant[k][c] = static_cast<A>(-static_cast<double>(norm.scale[c]) * totals[c] / shape.rows - slopeOf * norm.mean[c]);
    }
  }
  if (norms.size() == 1) {
    slope[1] = slope[0];
    constant[1] = constant[0];
  }
  gradients.x1 = at::empty_like(x1);
  if (x2.defined()) gradients.x2 = at::empty_like(x2);
  overRows(shape.rows, [&](int64_t first, int64_t rows) {
    const auto [a, b, d] = pointers(first);
    T* out1 = static_cast<T*>(gradients.x1.data_ptr()) + first * channels;
    T* out2 = x2.defined() ? static_cast<T*>(gradients.x2.data_ptr()) + first * channels : nullptr;
    const auto run = [&, a = a, b = b, d = d](auto kernel) {
      kernel(a, b, d, out1, out2, n1.scale.data(), n2.scale.data(), offset.data(), slope[0].data(), slope[1].data(), constant[0].data(),
             constant[1].data(), rows, channels);
    };
    chooseActivation(
        activation, [&] { run([](auto... args) { backwardSilu(args...); }); }, [&] { run([](auto... args) { backwardRelu(args...); }); },
        [&] { run([](auto... args) { backwardIdentity(args...); }); });
  });
  return gradients;
}

template <typename Body>
auto overTypes(at::ScalarType type, const Body& body) {
  switch (type) {
    case at::kFloat:
      return body(float{});
    case at::kDouble:
      return body(double{});
    case at::kBFloat16:
      return body(BFloat16Bits{});
    default:
      TORCH_CHECK(false, "batch_norm_activation takes float32, float64 or bfloat16, not ", type);
  }
}

at::Tensor channelsLast(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

template <typename A>
at::Tensor toTensor(const std::vector<A>& values, const at::Tensor& like) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(c10::CppTypeToScalarType<A>::value));
  std::copy(values.begin(), values.end(), tensor.template data_ptr<A>());
  return tensor.to(like.scalar_type());
}

using MaybeTensor = const c10::optional<at::Tensor>&;

at::Tensor orNone(MaybeTensor tensor) { return tensor ? *tensor : at::Tensor(); }

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class BatchNormActivation : public torch::autograd::Function<BatchNormActivation> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x1, const at::Tensor& weight1, const at::Tensor& bias1,
                            const at::Tensor& mean1, const at::Tensor& variance1, MaybeTensor x2, MaybeTensor weight2, MaybeTensor bias2,
                            MaybeTensor mean2, MaybeTensor variance2, bool training, double momentum, double eps, int64_t activation) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor a = channelsLast(x1), b = channelsLast(orNone(x2));
    at::Tensor y = at::empty_like(a);
    variable_list saved{a, b, weight1, orNone(weight2), bias1, orNone(bias2)};
    overTypes(a.scalar_type(), [&](auto element) {
      using T = decltype(element);
      using A = typename Arithmetic<T>::Type;
      std::vector<Normalisation<A>> norms;
      const auto add = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& variance) {
        norms.push_back(training ? normaliseByBatch<T>(x, weight, bias, mean, variance, momentum, eps)
                                 : normaliseByRunning<A>(weight, bias, mean, variance, eps));
        const at::Tensor like = at::empty({0}, at::TensorOptions().dtype(c10::CppTypeToScalarType<A>::value));
        saved.push_back(toTensor(norms.back().mean, like));
        saved.push_back(toTensor(norms.back().inverseDeviation, like));
      };
      add(a, weight1, bias1, mean1, variance1);
      if (b.defined()) add(b, *weight2, *bias2, *mean2, *variance2);
      forwardKernel<T>(a, b, y, norms, static_cast<Activation>(activation));
    });
    context->save_for_backward(saved);
    context->saved_data["training"] = training;
    context->saved_data["activation"] = activation;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1], &weight1 = saved[2], &weight2 = saved[3], &bias1 = saved[4], &bias2 = saved[5];
    const at::Tensor dy = channelsLast(outputs[0].to(a.scalar_type()));
    const bool training = context->saved_data["training"].toBool();
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    variable_list result(14);
    overTypes(a.scalar_type(), [&](auto element) {
      using T = decltype(element);
      using A = typename Arithmetic<T>::Type;
      std::vector<Normalisation<A>> norms;
      norms.emplace_back(toVector<A>(saved[6]), toVector<A>(saved[7]), weight1, bias1);
      if (b.defined()) norms.emplace_back(toVector<A>(saved[8]), toVector<A>(saved[9]), weight2, bias2);
      Gradients<A> gradients = backwardKernel<T>(a, b, dy, norms, activation, training);
      result[0] = gradients.x1;
      result[1] = toTensor(gradients.weights[0], weight1);
      result[2] = toTensor(gradients.bias, bias1);
      if (!b.defined()) return;
      result[5] = gradients.x2;
      result[6] = toTensor(gradients.weights[1], weight2);
      result[7] = toTensor(gradients.bias, bias2);
    });
    return result;
  }
};

at::Tensor activateWithOperators(const at::Tensor& z, int64_t activation) {
  switch (static_cast<Activation>(activation)) {
    case Activation::silu:
      return at::silu(z);
    case Activation::relu:
      return at::relu(z);
    default:
      return z;
  }
}

at::Tensor batchNormActivation(const at::Tensor& x1, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& mean1,
                               const at::Tensor& variance1, MaybeTensor x2, MaybeTensor weight2, MaybeTensor bias2, MaybeTensor mean2,
                               MaybeTensor variance2, bool training, double momentum, double eps, int64_t activation) {
  TORCH_CHECK(x1.dim() == 4, "batch_norm_activation takes [B, C, H, W], got ", x1.sizes());
  TORCH_CHECK(x1.size(1) == weight1.numel(), "batch_norm_activation has ", weight1.numel(), " channels, its input ", x1.size(1));
  if (x2) TORCH_CHECK(x1.sizes() == x2->sizes(), "batch_norm_activation adds ", x1.sizes(), " and ", x2->sizes());
  if (!x1.is_cpu()) {  // other devices have fast kernels of their own
    at::Tensor z = at::batch_norm(x1, weight1, bias1, mean1, variance1, training, momentum, eps, true);
    if (x2) z = z + at::batch_norm(*x2, *weight2, *bias2, *mean2, *variance2, training, momentum, eps, true);
    return activateWithOperators(z, activation);
  }
  return BatchNormActivation::apply(x1, weight1, bias1, mean1, variance1, x2, weight2, bias2, mean2, variance2, training, momentum, eps,
                                    activation);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def(
      "batch_norm_activation(Tensor x1, Tensor weight1, Tensor bias1, Tensor mean1, Tensor variance1, Tensor? x2, Tensor? weight2, "
      "Tensor? bias2, Tensor? mean2, Tensor? variance2, bool training, float momentum, float eps, int activation) -> Tensor",
      batchNormActivation);
}

}  // namespace bridge
