#include "onednn-convolution.h"

#include "onednn.h"

namespace bridge {

#if defined(YOLOV9_ONEDNN)

namespace {

using MaybeTensor = const c10::optional<at::Tensor>&;
using dnnl::memory;

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

/// Primitives, and how weights get to the layout that each wants.
class OneDnnConvolution : public ConvolutionPasses {
 public:
  OneDnnConvolution(const at::Tensor& x, const at::Tensor& weight, bool bias, const Geometry& g, Activation activation)
      : bias_(bias), activation_(activation), type_(dataType(x.scalar_type())), strides_{g.stride, g.stride}, dilates_{g.dilation - 1, g.dilation - 1},
        padding_{g.padding, g.padding}, weights_(weightsDescription(weight, g)) {
    const auto sizes = convolvedSizes(x, weight, g);
    outputSizes_.assign(sizes.begin(), sizes.end());
    source_ = {x.sizes().vec(), type_, memory::format_tag::nhwc};
    target_ = {outputSizes_, type_, memory::format_tag::nhwc};
    if (bias) biases_ = {{weight.size(0)}, memory::data_type::f32, memory::format_tag::x};
    forward_ = forwardDescription();
    forwardPass_ = dnnl::convolution_forward(forward_);
    forwardWeights_ = WeightReorder(weights_, forward_.weights_desc());
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, bool keepWeights) override {
    at::Tensor y = at::empty(outputSizes_, x.options(), at::MemoryFormat::ChannelsLast);
    run(x, weight, bias, keepWeights, y);
    return y;
  }

  void forwardInto(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, const at::Tensor& y) override { run(x, weight, bias, true, y); }

  at::Tensor inputGradient(const at::Tensor& dy, const at::Tensor& weight) override {
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

  std::pair<at::Tensor, at::Tensor> weightGradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight) override {
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
  void run(const at::Tensor& x, const at::Tensor& weight, MaybeTensor bias, bool keepWeights, const at::Tensor& y) const {
    Execution execution(forward_.scratchpad_desc());
    const memory weights = keepWeights ? forwardWeights_.applyOnce(weight, execution) : forwardWeights_.apply(weight, execution);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memoryOf(source_, x)}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, memoryOf(target_, y)}};
    if (bias_) arguments.emplace(DNNL_ARG_BIAS, memoryOf(biases_, *bias));
    execution.run(forwardPass_, arguments);
  }

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

}  // namespace

ConvolutionPasses* oneDnnConvolution(const at::Tensor& x, const at::Tensor& weight, bool bias, const Geometry& g, Activation activation) {
  static thread_local PrimitiveCache<OneDnnConvolution> cache;
  const PrimitiveKey key = PrimitiveKey()
                               .add(x.sizes())
                               .add(weight.sizes())
                               .add(weight.strides())
                               .add({g.stride, g.padding, g.dilation, g.groups, bias, static_cast<int64_t>(x.scalar_type()), static_cast<int64_t>(activation)});
  return cache.find(key, [&] { return std::make_unique<OneDnnConvolution>(x, weight, bias, g, activation); });
}

#else

ConvolutionPasses* oneDnnConvolution(const at::Tensor&, const at::Tensor&, bool, const Geometry&, Activation) { return nullptr; }

#endif

}  // namespace bridge
