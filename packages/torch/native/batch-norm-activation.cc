// Batch normalisation and activation in two passes over channels-last memory, with their own backward:
//   y = act(Σ_k norm_k(x_k)),  k = 1 (Conv) or 2 (RepConv's 3×3 and 1×1 branches before fusion).
// Only the inputs and per-channel statistics are kept for backward; the normalised values are computed again.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <vector>

#include "activation.h"
#include "batch-norm-rows.h"
#include "channels-last.h"
#include "checks.h"
#include "element-types.h"

namespace bridge {

namespace {

/// Rows handled together: small enough to stay in cache, large enough to make splitting cheap.
constexpr int64_t rowsPerBlock = 256;
/// Rows summed in float32 before the sum goes into a float64: keeps the rounding of long sums out of the statistics.
constexpr int64_t rowsPerSum = 32;
/// Elements that the kernels handle at once.
constexpr int64_t elementsAtOnce = 16;

/// Channels-last memory as rows of a width. Few or odd channels leave the processor's vectors part empty, so several rows
/// of memory are taken as one where they divide evenly: 8 channels and 800 rows are 16 "channels" and 400 rows.
struct Rows {
  int64_t channels, repeats, count, width;

  /// @param dense whether all that is worked on lies pixel after pixel
  explicit Rows(const at::Tensor& x, bool dense = true)
      : channels(x.size(1)), repeats(elementsAtOnce / std::gcd(channels, elementsAtOnce)) {
    count = x.numel() / channels;
    if (!dense || count % repeats != 0) repeats = 1;
    count /= repeats;
    width = channels * repeats;
  }

  /// Pixels that every channel is summed over.
  double pixels() const { return static_cast<double>(count * repeats); }
};

/// Calls body(firstRow, rows) in parallel over blocks of rows, from the last one of each thread to its first: the rows that an
/// earlier pass read last are the ones still in the cache.
template <typename Body>
void overRows(int64_t rows, const Body& body) {
  const int64_t blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
  at::parallel_for(0, blocks, 1, [&](int64_t from, int64_t to) {
    for (int64_t block = to - 1; block >= from; --block) {
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

/// `kinds` sums over rows for every channel, those of one kind after those of another: body(firstRow, rows, partial) adds into
/// partial[kinds · width]; partials are added up in float64, always in the same order, so that results do not depend on which
/// thread was faster.
template <typename A, typename Body>
std::vector<double> sumOverRows(const Rows& rows, int64_t kinds, const Body& body) {
  const int64_t width = kinds * rows.width;
  const int64_t blocks = (rows.count + rowsPerBlock - 1) / rowsPerBlock;
  const int64_t groups = std::min<int64_t>(blocks, 64);
  std::vector<double> totals(groups * width, 0.0);
  at::parallel_for(0, groups, 1, [&](int64_t from, int64_t to) {
    std::vector<A> partial(width);
    for (int64_t group = from; group < to; ++group) {
      const int64_t end = std::min((group + 1) * blocks / groups * rowsPerBlock, rows.count);
      for (int64_t first = group * blocks / groups * rowsPerBlock; first < end; first += rowsPerSum) {
        std::fill(partial.begin(), partial.end(), A(0));
        body(first, std::min(rowsPerSum, end - first), partial.data());
        addTo(totals.data() + group * width, partial.data(), width);
      }
    }
  });
  for (int64_t group = 1; group < groups; ++group) addTo(totals.data(), totals.data() + group * width, width);
  std::vector<double> sums(kinds * rows.channels, 0.0);
  for (int64_t kind = 0; kind < kinds; ++kind) {
    for (int64_t repeat = 0; repeat < rows.repeats; ++repeat) {
      addTo(sums.data() + kind * rows.channels, totals.data() + kind * rows.width + repeat * rows.channels, rows.channels);
    }
  }
  return sums;
}

template <typename A>
std::vector<A> toVector(const at::Tensor& tensor) {
  constexpr auto type = c10::CppTypeToScalarType<A>::value;
  if (tensor.scalar_type() == type && tensor.is_contiguous()) {
    const A* values = static_cast<const A*>(tensor.data_ptr());
    return std::vector<A>(values, values + tensor.numel());
  }
  return toVector<A>(tensor.detach().to(type).contiguous());
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

/// Per-channel values as often as rows of memory are taken together.
template <typename A>
std::vector<A> repeated(std::vector<A> values, const Rows& rows) {
  values.reserve(rows.width);
  for (int64_t i = rows.channels; i < rows.width; ++i) values.push_back(values[i - rows.channels]);
  return values;
}

template <typename T>
const T* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.data_ptr()) : nullptr;
}

template <typename T>
const T* advanced(const T* pointer, int64_t by) {
  return pointer ? pointer + by : nullptr;
}

/// running += (values − running) · momentum
void moveTowards(const at::Tensor& running, const std::vector<double>& values, double momentum) {
  AT_DISPATCH_FLOATING_TYPES(running.scalar_type(), "batch_norm_activation", [&] {
    TORCH_CHECK(running.is_contiguous(), "running statistics must be contiguous");
    scalar_t* at = running.data_ptr<scalar_t>();
    for (size_t c = 0; c < values.size(); ++c) at[c] += static_cast<scalar_t>((values[c] - at[c]) * momentum);
  });
}

/// Batch mean and 1/√(variance + eps); updates the running statistics as torch.nn.BatchNorm2d does.
template <typename T>
Normalisation<typename Arithmetic<T>::Type> normaliseByBatch(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                                             const at::Tensor& runningMean, const at::Tensor& runningVariance,
                                                             double momentum, double eps) {
  using A = typename Arithmetic<T>::Type;
  const Rows rows(x);
  const std::vector<A> shift = toVector<A>(runningMean), shifts = repeated(shift, rows);
  const T* values = data<T>(x);
  const std::vector<double> totals = sumOverRows<A>(rows, 2, [&](int64_t first, int64_t count, A* partial) {
    rowKernels<T>().sum(values + first * rows.width, shifts.data(), partial, partial + rows.width, count, rows.width);
  });
  const double pixels = rows.pixels();
  std::vector<A> inverseDeviation(rows.channels);
  std::vector<double> mean(rows.channels), unbiased(rows.channels);
  for (int64_t c = 0; c < rows.channels; ++c) {
    const double offset = totals[c] / pixels;
    const double variance = std::max(totals[rows.channels + c] / pixels - offset * offset, 0.0);
    mean[c] = shift[c] + offset;
    inverseDeviation[c] = static_cast<A>(1.0 / std::sqrt(variance + eps));
    unbiased[c] = variance * pixels / std::max(pixels - 1, 1.0);
  }
  moveTowards(runningMean, mean, momentum);
  moveTowards(runningVariance, unbiased, momentum);
  return {std::vector<A>(mean.begin(), mean.end()), std::move(inverseDeviation), weight, bias};
}

template <typename A>
Normalisation<A> normaliseByRunning(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& runningMean,
                                    const at::Tensor& runningVariance, double eps) {
  std::vector<A> deviation = toVector<A>(runningVariance);
  for (A& value : deviation) value = static_cast<A>(1.0 / std::sqrt(static_cast<double>(value) + eps));
  return {toVector<A>(runningMean), std::move(deviation), weight, bias};
}

/// The affine maps of one or two inputs as the kernels take them.
template <typename A>
struct Maps {
  std::vector<A> scale1, scale2, offset;

  Maps(const std::vector<Normalisation<A>>& norms, const Rows& rows)
      : scale1(repeated(norms.front().scale, rows)), scale2(repeated(norms.back().scale, rows)) {
    std::vector<A> sum = norms.front().offset;
    for (size_t k = 1; k < norms.size(); ++k) {
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += norms[k].offset[c];
    }
    offset = repeated(std::move(sum), rows);
  }
};

template <typename T, typename A = typename Arithmetic<T>::Type>
void forwardKernel(const at::Tensor& x1, const at::Tensor& x2, at::Tensor& y, const std::vector<Normalisation<A>>& norms,
                   Activation activation) {
  const Rows rows(x1);
  const Maps<A> maps(norms, rows);
  const auto apply = rowKernels<T>().apply[static_cast<int>(activation)];
  overRows(rows.count, [&](int64_t first, int64_t count) {
    const int64_t at = first * rows.width;
    apply(data<T>(x1) + at, advanced(data<T>(x2), at), static_cast<T*>(y.data_ptr()) + at, maps.scale1.data(), maps.scale2.data(),
          maps.offset.data(), count, rows.width);
  });
}

template <typename A>
struct Gradients {
  at::Tensor x1, x2;
  std::vector<double> bias;                    // Σ dz, the same for both branches
  std::array<std::vector<double>, 2> weights;  // Σ dz · x̂_k
};

/// d x = scale · (dz − mean(dz) − x̂ · mean(dz · x̂)) is scale·dz + slope·x + constant with these two.
template <typename A>
struct Correction {
  std::vector<A> slope, constant;

  Correction(const Normalisation<A>& norm, const std::vector<double>& bias, const std::vector<double>& weight, const Rows& rows, bool training)
      : slope(rows.channels, A(0)), constant(rows.channels, A(0)) {
    for (int64_t c = 0; training && c < rows.channels; ++c) {
      const double slopeOf = -static_cast<double>(norm.scale[c]) * norm.inverseDeviation[c] * weight[c] / rows.pixels();
      slope[c] = static_cast<A>(slopeOf);
      constant[c] = static_cast<A>(-static_cast<double>(norm.scale[c]) * bias[c] / rows.pixels() - slopeOf * norm.mean[c]);
    }
    slope = repeated(std::move(slope), rows);
    constant = repeated(std::move(constant), rows);
  }
};

template <typename T, typename A = typename Arithmetic<T>::Type>
Gradients<A> backwardKernel(const at::Tensor& x1, const at::Tensor& x2, const at::Tensor& dy, const std::vector<Normalisation<A>>& norms,
                            Activation activation, bool training) {
  const int64_t stride = pixelStride(dy);
  const Rows rows(x1, stride == x1.size(1));
  const int64_t dyStride = stride * rows.repeats;
  const Maps<A> maps(norms, rows);
  const std::vector<A> mean1 = repeated(norms.front().mean, rows), mean2 = repeated(norms.back().mean, rows);
  const T *a = data<T>(x1), *b = data<T>(x2), *d = data<T>(dy);
  const auto reduce = rowKernels<T>().reduce[static_cast<int>(activation)];
  const std::vector<double> totals = sumOverRows<A>(rows, 3, [&](int64_t first, int64_t count, A* partial) {
    const int64_t at = first * rows.width;
    reduce(a + at, advanced(b, at), d + first * dyStride, dyStride, maps.scale1.data(), maps.scale2.data(), maps.offset.data(), mean1.data(), mean2.data(), partial,
           partial + rows.width, partial + 2 * rows.width, count, rows.width);
  });

  Gradients<A> gradients;
  gradients.bias.assign(totals.begin(), totals.begin() + rows.channels);
  std::vector<Correction<A>> corrections;
  for (size_t k = 0; k < norms.size(); ++k) {
    auto& weight = gradients.weights[k];
    weight.resize(rows.channels);
    for (int64_t c = 0; c < rows.channels; ++c) weight[c] = totals[(k + 1) * rows.channels + c] * norms[k].inverseDeviation[c];
    corrections.emplace_back(norms[k], gradients.bias, weight, rows, training);
  }
  const Correction<A>&c1 = corrections.front(), &c2 = corrections.back();
  gradients.x1 = at::empty_like(x1);
  if (x2.defined()) gradients.x2 = at::empty_like(x2);
  const auto backward = rowKernels<T>().backward[static_cast<int>(activation)];
  overRows(rows.count, [&](int64_t first, int64_t count) {
    const int64_t at = first * rows.width;
    T* out1 = static_cast<T*>(gradients.x1.data_ptr()) + at;
    T* out2 = x2.defined() ? static_cast<T*>(gradients.x2.data_ptr()) + at : nullptr;
    backward(a + at, advanced(b, at), d + first * dyStride, dyStride, out1, out2, maps.scale1.data(), maps.scale2.data(), maps.offset.data(), c1.slope.data(),
             c2.slope.data(), c1.constant.data(), c2.constant.data(), count, rows.width);
  });
  return gradients;
}

template <typename A>
at::Tensor toTensor(const std::vector<A>& values, const at::Tensor& like) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, like.options());
  AT_DISPATCH_FLOATING_TYPES(like.scalar_type(), "batch_norm_activation", [&] {
    std::copy(values.begin(), values.end(), tensor.template data_ptr<scalar_t>());
  });
  return tensor;
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
    variable_list saved{kept(a), kept(b), kept(weight1), kept(orNone(weight2)), kept(bias1), kept(orNone(bias2))};
    overTypes(a.scalar_type(), "batch_norm_activation", [&](auto element) {
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
    const at::Tensor dy = withPixelStride(outputs[0].to(a.scalar_type()));
    const bool training = context->saved_data["training"].toBool();
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    variable_list result(14);
    overTypes(a.scalar_type(), "batch_norm_activation", [&](auto element) {
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

/// One normalised input with what belongs to it; `names` are its arguments.
struct NormArguments {
  std::array<const char*, 5> names;
  const at::Tensor &x, &weight, &bias, &mean, &variance;
};

void checkNorm(const Checks& checks, const NormArguments& given, bool training) {
  const auto& [names, x, weight, bias, mean, variance] = given;
  checks.features(names[0], x);
  checks.that(x.size(1) > 0, names[0], x, "of at least 1 channel");
  if (x.is_cpu()) checks.that(x.numel() > 0 && hasKernels(x.scalar_type()), names[0], x, "not empty, and float32, float64 or bfloat16");
  const at::Tensor* const perChannel[] = {&weight, &bias, &mean, &variance};
  for (size_t i = 0; i < 4; ++i) {
    const at::Tensor& values = *perChannel[i];
    const char* name = names[i + 1];
    checks.floating(name, values);
    checks.that(values.dim() == 1 && values.size(0) == x.size(1), name, values, "[", x.size(1), "], one for every channel of ", names[0]);
    checks.sameDevice(name, values, x);
    const auto type = values.scalar_type();
    const bool written = training && i >= 2;
    if (written && x.is_cpu()) checks.that(values.is_contiguous() && (type == at::kFloat || type == at::kDouble), name, values, "contiguous float32 or float64 in training");
  }
}

at::Tensor batchNormActivation(const at::Tensor& x1, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& mean1,
                               const at::Tensor& variance1, MaybeTensor x2, MaybeTensor weight2, MaybeTensor bias2, MaybeTensor mean2,
                               MaybeTensor variance2, bool training, double momentum, double eps, int64_t activation) {
  constexpr Checks checks("batch_norm_activation");
  checkNorm(checks, {{"x1", "weight1", "bias1", "mean1", "variance1"}, x1, weight1, bias1, mean1, variance1}, training);
  const bool second[] = {x2.has_value(), weight2.has_value(), bias2.has_value(), mean2.has_value(), variance2.has_value()};
  const auto present = std::count(std::begin(second), std::end(second), true);
  TORCH_CHECK(present == 0 || present == 5, "batch_norm_activation: x2, weight2, bias2, mean2 and variance2 must be given together, got ", present, " of them");
  if (x2) {
    checkNorm(checks, {{"x2", "weight2", "bias2", "mean2", "variance2"}, *x2, *weight2, *bias2, *mean2, *variance2}, training);
    checks.like("x2", *x2, x1);
  }
  checks.share("momentum", momentum);
  checks.finite("eps", eps);
  TORCH_CHECK(eps >= 0, "batch_norm_activation: eps must not be negative, got ", eps);
  checks.activation(activation);
  if (!x1.is_cpu()) {  // other devices have fast kernels of their own
    at::Tensor z = at::batch_norm(x1, weight1, bias1, mean1, variance1, training, momentum, eps, true);
    if (x2) z = z + at::batch_norm(*x2, *weight2, *bias2, *mean2, *variance2, training, momentum, eps, true);
    return activate(z, static_cast<Activation>(activation));
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
