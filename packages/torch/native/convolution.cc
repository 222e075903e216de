// Convolution in channels-last float32 or bfloat16, with float32 weights. Each pass goes to whoever is fastest: in bfloat16 to the kernels here
// where they suit, else to oneDNN, and to libtorch's operators where oneDNN's headers are not there or it has no kernel. Where nothing is
// differentiated the activation happens inside and weights are packed only once.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <tuple>

#include "activation.h"
#include "bfloat16-convolution.h"
#include "channels-last.h"
#include "checks.h"
#include "convolution.h"
#include "features.h"
#include "onednn-convolution.h"
#include "weight-gradient.h"

namespace bridge {

namespace {

using MaybeTensor = const c10::optional<at::Tensor>&;

at::Tensor convolveWithLibtorch(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g) {
  const auto type = x.scalar_type();
  c10::optional<at::Tensor> cast;
  if (bias) cast = bias->to(type);
  return at::conv2d(x, weight.to(type), cast, g.stride, g.padding, g.dilation, g.groups);
}

bool isDifferentiated(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias) {
  return at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || (bias && bias->requires_grad()));
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// @param wanted gradients of input, weight and bias
Gradients gradientsByLibtorch(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, const Geometry& g, std::array<bool, 3> wanted) {
  const auto biasSizes = wanted[2] ? at::OptionalIntArrayRef(weight.sizes().slice(0, 1)) : at::OptionalIntArrayRef();
  const std::vector<int64_t> stride(2, g.stride), padding(2, g.padding), dilation(2, g.dilation), none(2, 0);
  return at::convolution_backward(dy, x, weight.to(x.scalar_type()), biasSizes, stride, padding, dilation, false, none, g.groups, wanted);
}

/// The gradient of the input, plus one that comes from elsewhere.
at::Tensor inputGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, bool bias, const Geometry& g, const at::Tensor& other) {
  if (!dy.defined()) return other;
  const bool suits = suitsBFloat16InputGradient(x, weight, g.stride, g.padding, g.dilation, g.groups);
  if (suits && (other.defined() || hasFasterInputGradient(x, weight))) return inputGradientBFloat16(x, dy, weight, other);
  ConvolutionPasses* oneDnn = oneDnnConvolution(x, weight, bias, g);
  if (suits && !oneDnn) return inputGradientBFloat16(x, dy, weight, other);
  const at::Tensor dx = oneDnn ? oneDnn->inputGradient(dy, weight) : channelsLast(std::get<0>(gradientsByLibtorch(x, dy, weight, g, {true, false, false})));
  if (other.defined()) addInto(dx, withPixelStride(other.to(dx.scalar_type())), dx);
  return dx;
}

/// Gradients of weight and bias, in float32; the latter undefined without a bias.
std::pair<at::Tensor, at::Tensor> weightGradients(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, bool bias, const Geometry& g) {
  if (!bias && suitsWeightGradient(x, weight, g.stride, g.padding, g.dilation, g.groups)) return {weightGradient(x, dy, weight, g.stride), {}};
  ConvolutionPasses* oneDnn = oneDnnConvolution(x, weight, bias, g);
  if (oneDnn) return oneDnn->weightGradient(x, dy, weight);
  const Gradients gradients = gradientsByLibtorch(x, dy, weight, g, {false, true, bias});
  return {std::get<1>(gradients).to(at::kFloat), bias ? std::get<2>(gradients).to(at::kFloat) : at::Tensor()};
}

class ConvolutionFunction : public torch::autograd::Function<ConvolutionFunction> {
 public:
  /// @param passes whether the input is an output, too: what flows back through it is added to the input's gradient in the same pass
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride,
                               int64_t padding, int64_t dilation, int64_t groups, bool passes) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor input = channelsLast(x);
    context->set_materialize_grads(false);
    context->save_for_backward({kept(input), kept(weight)});
    context->saved_data["geometry"] = std::vector<int64_t>{stride, padding, dilation, groups, bias.has_value()};
    context->saved_data["inputGradient"] = x.requires_grad();
    variable_list outputs{forwardPass(input, weight, bias, {stride, padding, dilation, groups})};
    if (passes) outputs.push_back(input.alias());
    return outputs;
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], dy = channelsLast(outputs[0]);
    const std::vector<int64_t> numbers = context->saved_data["geometry"].toIntVector();
    const Geometry g{numbers[0], numbers[1], numbers[2], numbers[3]};
    const bool bias = numbers[4] != 0;
    variable_list result(8);
    if (context->saved_data["inputGradient"].toBool()) result[0] = inputGradient(x, dy, weight, bias, g, outputs.size() > 1 ? outputs[1] : at::Tensor());
    if (dy.defined()) std::tie(result[1], result[2]) = weightGradients(x, dy, weight, bias, g);
    return result;
  }

 private:
  static at::Tensor forwardPass(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g) {
    if (suitsBFloat16Convolution(x, weight, g.stride, g.padding, g.dilation, g.groups)) {
      return convolveBFloat16(x, weight, bias, g.stride, Activation::identity, false);
    }
    return oneDnnConvolution(x, weight, bias.has_value(), g)->forward(x, weight, bias, false);
  }
};

/// Whether oneDNN or a kernel here may take the convolution.
bool isOrdinary(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t groups) {
  const auto type = x.scalar_type();
  const bool dense = weight.is_contiguous() || weight.is_contiguous(at::MemoryFormat::ChannelsLast);
  return x.is_cpu() && x.dim() == 4 && weight.dim() == 4 && x.numel() > 0 && (type == at::kFloat || type == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && dense && (!bias || (bias->scalar_type() == at::kFloat && bias->is_contiguous())) &&
         x.size(1) == weight.size(1) * groups;
}

/// Whether ConvolutionFunction differentiates it.
bool hasOwnBackward(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g) {
  return suitsBFloat16Convolution(x, weight, g.stride, g.padding, g.dilation, g.groups) || oneDnnConvolution(x, weight, bias.has_value(), g);
}

/// activation(convolution of x); codes of activations are those of `Activation`.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride, int64_t padding, int64_t dilation,
                       int64_t groups, int64_t activationCode) {
  const Geometry geometry{stride, padding, dilation, groups};
  checkConvolution("convolution", x, weight, bias, geometry);
  Checks("convolution").activation(activationCode);
  const auto activation = static_cast<Activation>(activationCode);
  if (isOrdinary(x, weight, bias, groups)) {
    if (!isDifferentiated(x, weight, bias)) {
      if (suitsBFloat16Convolution(x, weight, stride, padding, dilation, groups)) return convolveBFloat16(x, weight, bias, stride, activation, true);
      ConvolutionPasses* whole = oneDnnConvolution(x, weight, bias.has_value(), geometry, activation);
      if (whole) return whole->forward(channelsLast(x), weight, bias, true);
    } else if (hasOwnBackward(x, weight, bias, geometry)) {
      return activate(ConvolutionFunction::apply(x, weight, bias, stride, padding, dilation, groups, false).front(), activation);
    }
  }
  return activate(convolveWithLibtorch(x, weight, bias, geometry), activation);
}

/// The convolution of x, and x for whatever else uses it: the gradient of both is made in one pass where a kernel here can.
std::vector<at::Tensor> convolutionPassing(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride, int64_t padding,
                                           int64_t dilation, int64_t groups) {
  checkConvolution("convolution_passing", x, weight, bias, {stride, padding, dilation, groups});
  if (isOrdinary(x, weight, bias, groups) && isDifferentiated(x, weight, bias) && hasOwnBackward(x, weight, bias, {stride, padding, dilation, groups})) {
    return ConvolutionFunction::apply(x, weight, bias, stride, padding, dilation, groups, true);
  }
  return {convolution(x, weight, bias, stride, padding, dilation, groups, static_cast<int64_t>(Activation::identity)), x.alias()};
}

int64_t outputSize(int64_t size, int64_t kernel, const Geometry& g) { return (size + 2 * g.padding - g.dilation * (kernel - 1) - 1) / g.stride + 1; }

}  // namespace

std::array<int64_t, 4> convolvedSizes(const at::Tensor& x, const at::Tensor& weight, const Geometry& g) {
  return {x.size(0), weight.size(0), outputSize(x.size(2), weight.size(2), g), outputSize(x.size(3), weight.size(3), g)};
}

void checkConvolution(const char* name, const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g) {
  const Checks checks(name);
  checks.features("x", x);
  checks.floating("weight", weight);
  checks.dimensions("weight", weight, 4, "[outChannels, inChannels / groups, kernel, kernel]");
  checks.that(weight.numel() > 0, "weight", weight, "not empty");
  checks.sameDevice("weight", weight, x);
  checks.number("stride", g.stride, 1);
  checks.number("padding", g.padding, 0);
  checks.number("dilation", g.dilation, 1);
  checks.number("groups", g.groups, 1);
  checks.that(weight.size(0) % g.groups == 0, "weight", weight, "of a multiple of ", g.groups, " output channels, which are its groups");
  checks.that(weight.size(1) * g.groups == x.size(1), "weight", weight, "for the ", x.size(1), " channels of x ", x.sizes(), " in ", g.groups, " group(s)");
  for (int64_t side = 2; side < 4; ++side) {
    const int64_t seen = g.dilation * (weight.size(side) - 1) + 1;
    checks.that(x.size(side) + 2 * g.padding >= seen, "x", x, "of at least ", seen, " pixels a side with its padding of ", g.padding, ", which the kernel covers");
  }
  if (!bias) return;
  checks.floating("bias", *bias);
  checks.sizes("bias", *bias, weight.sizes().slice(0, 1));
  checks.sameDevice("bias", *bias, x);
}

bool convolvesSlices(const at::Tensor& x, const at::Tensor& weight, const Geometry& g) {
  checkConvolution("convolvesSlices", x, weight, c10::nullopt, g);
  return suitsBFloat16Convolution(x, weight, g.stride, g.padding, g.dilation, g.groups);
}

void convolveInto(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g, Activation activation,
                  MaybeTensor residual, const at::Tensor& y) {
  if (convolvesSlices(x, weight, g)) return convolveBFloat16Into(x, weight, bias, g.stride, activation, residual, y);
  TORCH_CHECK(!residual, "only convolutions of slices add a residual");
  ConvolutionPasses* whole = isOrdinary(x, weight, bias, g.groups) ? oneDnnConvolution(x, weight, bias.has_value(), g, activation) : nullptr;
  if (whole) return whole->forwardInto(x, weight, bias, y);
  y.copy_(activate(convolveWithLibtorch(x, weight, bias, g), activation));
}

TORCH_LIBRARY_FRAGMENT(yolov9, library) {
  library.def(
      "convolution(Tensor x, Tensor weight, Tensor? bias, int stride, int padding, int dilation, int groups, int activation) -> Tensor",
      convolution);
  library.def(
      "convolution_passing(Tensor x, Tensor weight, Tensor? bias, int stride, int padding, int dilation, int groups) -> Tensor[]",
      convolutionPassing);
}

}  // namespace bridge
