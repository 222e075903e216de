// Convolution in channels-last float32 or bfloat16, with float32 weights, through oneDNN itself, or in bfloat16 forward by our own kernel:
// what libtorch's own call does with casts, copies of weights and gradients in between is here one primitive that reads the weights as they
// are and writes their gradient in float32 as they lie. Where nothing is differentiated the activation happens inside and weights are
// packed only once. Where the headers of oneDNN are not there, or it has no kernel, libtorch's operators do the work.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "activation.h"
#include "bfloat16-convolution.h"
#include "channels-last.h"
#include "convolution.h"
#include "features.h"
#include "onednn.h"
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

#if defined(YOLOV9_ONEDNN)

using dnnl::memory;

int64_t outputSize(int64_t size, int64_t kernel, const Geometry& g) {
  return (size + 2 * g.padding - g.dilation * (kernel - 1) - 1) / g.stride + 1;
}

/// Weights as they lie in memory, in any dense layout, with groups as a dimension of their own.
memory::desc weightsDescription(const at::Tensor& weight, const Geometry& g) {
  memory::dims sizes = weight.sizes().vec(), strides = weight.strides().vec();
  if (g.groups > 1) {
    sizes[0] /= g.groups;
    sizes.insert(sizes.begin(), g.groups);
    strides.insert(strides.begin(), sizes[1] * strides[0]);
  }
  return {sizes, memory::data_type::f32, strides};
}

memory::desc anyLayout(const memory::desc& like, memory::data_type type) { return {like.dims(), type, memory::format_tag::any}; }

/// The three passes of one convolution for one shape of input: primitives, and how weights get to the layout that each wants.
class Convolution {
 public:
  /// @param activation applied by the primitive itself, which only inference can do
  Convolution(const at::Tensor& x, const at::Tensor& weight, bool bias, const Geometry& g, Activation activation)
      : bias_(bias), activation_(activation), type_(dataType(x.scalar_type())), strides_{g.stride, g.stride}, dilates_{g.dilation - 1, g.dilation - 1},
        padding_{g.padding, g.padding}, weights_(weightsDescription(weight, g)) {
    const int64_t height = outputSize(x.size(2), weight.size(2), g), width = outputSize(x.size(3), weight.size(3), g);
    outputSizes_ = {x.size(0), weight.size(0), height, width};
    source_ = {x.sizes().vec(), type_, memory::format_tag::nhwc};
    target_ = {outputSizes_, type_, memory::format_tag::nhwc};
    if (bias) biases_ = {{weight.size(0)}, memory::data_type::f32, memory::format_tag::x};
    forward_ = forwardDescription();
    forwardPass_ = dnnl::convolution_forward(forward_);
    forwardWeights_ = WeightReorder(weights_, forward_.weights_desc());
  }

  /// @param keepWeights whether the weights, once in the primitive's layout, serve the next call too
  at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, bool keepWeights) const {
    at::Tensor y = at::empty(outputSizes_, x.options(), at::MemoryFormat::ChannelsLast);
    forwardInto(x, weight, bias, keepWeights, y);
    return y;
  }

  void forwardInto(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, bool keepWeights, const at::Tensor& y) const {
    Execution execution(forward_.scratchpad_desc());
    const memory weights = keepWeights ? forwardWeights_.applyOnce(weight, execution) : forwardWeights_.apply(weight, execution);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memoryOf(source_, x)}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, memoryOf(target_, y)}};
    if (bias_) arguments.emplace(DNNL_ARG_BIAS, memoryOf(biases_, *bias));
    execution.run(forwardPass_, arguments);
  }

  at::Tensor inputGradient(const at::Tensor& dy, const at::Tensor& weight) {
    if (!dataPass_) {
      data_ = dataDescription();
      dataPass_ = dnnl::convolution_backward_data(data_);
      dataWeights_ = WeightReorder(weights_, data_.weights_desc());
    }
    at::Tensor dx = at::empty(source_.dims(), dy.options(), at::MemoryFormat::ChannelsLast);
    Execution execution(data_.scratchpad_desc());
    execution.run(dataPass_, {{DNNL_ARG_DIFF_DST, memoryOf(target_, dy)},
                              {DNNL_ARG_WEIGHTS, dataWeights_.apply(weight, execution)},
                              {DNNL_ARG_DIFF_SRC, memoryOf(source_, dx)}});
    return dx;
  }

  /// Gradients of weight and bias; the latter undefined without a bias.
  std::pair<at::Tensor, at::Tensor> weightGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight) {
    if (!gradientPass_) {
      gradient_ = gradientDescription();
      gradientPass_ = dnnl::convolution_backward_weights(gradient_);
      if (gradient_.diff_weights_desc() != weights_) {
        gradientReorder_ = dnnl::reorder({engine(), gradient_.diff_weights_desc(), engine(), weights_});
      }
    }
    at::Tensor dw = at::empty_strided(weight.sizes(), weight.strides(), weight.options());
    at::Tensor db = bias_ ? at::empty({weight.size(0)}, weight.options()) : at::Tensor();
    Execution execution(gradient_.scratchpad_desc());
    const memory out = memoryOf(weights_, dw);
    const memory packed = gradientReorder_ ? execution.temporary(gradient_.diff_weights_desc()) : out;
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memoryOf(source_, x)}, {DNNL_ARG_DIFF_DST, memoryOf(target_, dy)}, {DNNL_ARG_DIFF_WEIGHTS, packed}};
    if (bias_) arguments.emplace(DNNL_ARG_DIFF_BIAS, memoryOf(biases_, db));
    execution.run(gradientPass_, arguments);
    if (gradientReorder_) execution.reorder(gradientReorder_, packed, out);
    return {dw, db};
  }

 private:
  dnnl::convolution_forward::primitive_desc forwardDescription() const {
    const memory::desc weights = anyLayout(weights_, type_);
    const auto kind = dnnl::prop_kind::forward_training;
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto description =
        bias_ ? dnnl::convolution_forward::desc(kind, algorithm, source_, weights, biases_, target_, strides_, dilates_, padding_, padding_)
              : dnnl::convolution_forward::desc(kind, algorithm, source_, weights, target_, strides_, dilates_, padding_, padding_);
    dnnl::primitive_attr attributes = ownScratchpad();
    if (activation_ != Activation::identity) {
      dnnl::post_ops after;
      after.append_eltwise(1.0f, activation_ == Activation::silu ? dnnl::algorithm::eltwise_swish : dnnl::algorithm::eltwise_relu,
                           activation_ == Activation::silu ? 1.0f : 0.0f, 0.0f);
      attributes.set_post_ops(after);
    }
    return {description, attributes, engine()};
  }

  dnnl::convolution_backward_data::primitive_desc dataDescription() const {
    const dnnl::convolution_backward_data::desc description(dnnl::algorithm::convolution_direct, source_, anyLayout(weights_, type_), target_,
                                                            strides_, dilates_, padding_, padding_);
    return {description, ownScratchpad(), engine(), forward_};
  }

  dnnl::convolution_backward_weights::primitive_desc gradientDescription() const {
    const memory::desc weights = anyLayout(weights_, memory::data_type::f32);
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto description =
        bias_ ? dnnl::convolution_backward_weights::desc(algorithm, source_, weights, biases_, target_, strides_, dilates_, padding_, padding_)
              : dnnl::convolution_backward_weights::desc(algorithm, source_, weights, target_, strides_, dilates_, padding_, padding_);
    return {description, ownScratchpad(), engine(), forward_};
  }

  bool bias_;
  Activation activation_;
  memory::data_type type_;
  memory::dims strides_, dilates_, padding_, outputSizes_;
  memory::desc source_, target_, weights_, biases_;
  dnnl::convolution_forward::primitive_desc forward_;
  dnnl::convolution_forward forwardPass_;
  WeightReorder forwardWeights_;
  dnnl::convolution_backward_data::primitive_desc data_;
  dnnl::convolution_backward_data dataPass_;
  WeightReorder dataWeights_;
  dnnl::convolution_backward_weights::primitive_desc gradient_;
  dnnl::convolution_backward_weights gradientPass_;
  dnnl::reorder gradientReorder_;
};

/// The convolution for these shapes, made when first asked for; null where oneDNN has none.
Convolution* convolutionFor(const at::Tensor& x, const at::Tensor& weight, bool bias, const Geometry& g,
                            Activation activation = Activation::identity) {
  static thread_local PrimitiveCache<Convolution> cache;
  const PrimitiveKey key = PrimitiveKey()
                               .add(x.sizes())
                               .add(weight.sizes())
                               .add(weight.strides())
                               .add({g.stride, g.padding, g.dilation, g.groups, bias, static_cast<int64_t>(x.scalar_type()), static_cast<int64_t>(activation)});
  return cache.find(key, [&] { return std::make_unique<Convolution>(x, weight, bias, g, activation); });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The gradient of the input, plus one that comes from elsewhere.
at::Tensor inputGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, bool bias, const Geometry& g, const at::Tensor& other) {
  if (!dy.defined()) return other;
  const bool suits = suitsBFloat16InputGradient(x, weight, g.stride, g.padding, g.dilation, g.groups);
  if (suits && (other.defined() || hasFasterInputGradient(x, weight))) return inputGradientBFloat16(x, dy, weight, other);
  at::Tensor dx = convolutionFor(x, weight, bias, g)->inputGradient(dy, weight);
  if (other.defined()) addInto(dx, withPixelStride(other.to(dx.scalar_type())), dx);
  return dx;
}

class ConvolutionFunction : public torch::autograd::Function<ConvolutionFunction> {
 public:
  /// @param passes whether the input is an output, too: what flows back through it is added to the input's gradient in the same pass
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride,
                               int64_t padding, int64_t dilation, int64_t groups, bool passes) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor input = channelsLast(x);
    context->set_materialize_grads(false);
    context->save_for_backward({input, weight});
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
    if (!dy.defined()) return result;
    if (!bias && suitsWeightGradient(x, weight, g.stride, g.padding, g.dilation, g.groups)) {
      result[1] = weightGradient(x, dy, weight, g.stride);
    } else {
      std::tie(result[1], result[2]) = convolutionFor(x, weight, bias, g)->weightGradient(x, dy, weight);
    }
    return result;
  }

 private:
  static at::Tensor forwardPass(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g) {
    if (suitsBFloat16Convolution(x, weight, g.stride, g.padding, g.dilation, g.groups)) {
      return convolveBFloat16(x, weight, bias, g.stride, Activation::identity, false);
    }
    return convolutionFor(x, weight, bias.has_value(), g)->forward(x, weight, bias, false);
  }
};

bool suitsOneDnn(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias) {
  const auto type = x.scalar_type();
  const bool dense = weight.is_contiguous() || weight.is_contiguous(at::MemoryFormat::ChannelsLast);
  return x.is_cpu() && x.dim() == 4 && weight.dim() == 4 && x.numel() > 0 && (type == at::kFloat || type == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && dense && (!bias || (bias->scalar_type() == at::kFloat && bias->is_contiguous()));
}

#endif

/// activation(convolution of x); codes of activations are those of `Activation`.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride, int64_t padding, int64_t dilation,
                       int64_t groups, int64_t activationCode) {
  const Geometry geometry{stride, padding, dilation, groups};
  const auto activation = static_cast<Activation>(activationCode);
#if defined(YOLOV9_ONEDNN)
  if (suitsOneDnn(x, weight, bias) && x.size(1) == weight.size(1) * groups) {
    if (!isDifferentiated(x, weight, bias)) {
      if (suitsBFloat16Convolution(x, weight, stride, padding, dilation, groups)) return convolveBFloat16(x, weight, bias, stride, activation, true);
      Convolution* whole = convolutionFor(x, weight, bias.has_value(), geometry, activation);
      if (whole) return whole->forward(channelsLast(x), weight, bias, true);
    } else if (convolutionFor(x, weight, bias.has_value(), geometry)) {
      return activate(ConvolutionFunction::apply(x, weight, bias, stride, padding, dilation, groups, false).front(), activation);
    }
  }
#endif
  return activate(convolveWithLibtorch(x, weight, bias, geometry), activation);
}

/// The convolution of x, and x for whatever else uses it: the gradient of both is made in one pass where a kernel here can.
std::vector<at::Tensor> convolutionPassing(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, int64_t stride, int64_t padding,
                                           int64_t dilation, int64_t groups) {
#if defined(YOLOV9_ONEDNN)
  const bool suits = suitsOneDnn(x, weight, bias) && x.size(1) == weight.size(1) * groups && isDifferentiated(x, weight, bias);
  if (suits && convolutionFor(x, weight, bias.has_value(), {stride, padding, dilation, groups})) {
    return ConvolutionFunction::apply(x, weight, bias, stride, padding, dilation, groups, true);
  }
#endif
  return {convolution(x, weight, bias, stride, padding, dilation, groups, static_cast<int64_t>(Activation::identity)), x.alias()};
}

}  // namespace

bool convolvesSlices(const at::Tensor& x, const at::Tensor& weight, const Geometry& g) {
  return suitsBFloat16Convolution(x, weight, g.stride, g.padding, g.dilation, g.groups);
}

void convolveInto(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const Geometry& g, Activation activation,
                  MaybeTensor residual, const at::Tensor& y) {
  if (convolvesSlices(x, weight, g)) return convolveBFloat16Into(x, weight, bias, g.stride, activation, residual, y);
  TORCH_CHECK(!residual, "only convolutions of slices add a residual");
#if defined(YOLOV9_ONEDNN)
  Convolution* whole = suitsOneDnn(x, weight, bias) ? convolutionFor(x, weight, bias.has_value(), g, activation) : nullptr;
  if (whole) return whole->forwardInto(x, weight, bias, true, y);
#endif
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
