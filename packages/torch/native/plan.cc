// A plan's steps are prepared once, on tensors that share one piece of memory, and run without allocating. What the steps are and where
// features lie in the memory is decided in TypeScript (src/plan).
#include "plan.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <functional>
#include <map>
#include <memory>

#include "convolution.h"
#include "decode.h"
#include "features.h"
#include "handle.h"
#include "scalar-types.h"

namespace bridge {

namespace {

/// What one run is given.
struct Frame {
  const uint8_t* images;
  float* predictions;
};

using Step = std::function<void(const Frame&)>;

/// A tensor of the model: not owned, so that the plan can tell when the model has given it up.
class Constant {
 public:
  explicit Constant(const at::Tensor& tensor) : owner_(tensor.getIntrusivePtr()) {}
  bool expired() const { return owner_.expired(); }
  at::Tensor lock() const { return at::Tensor(owner_.lock()); }

 private:
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> owner_;
};

struct Plan {
  int64_t imageBytes, predictionCount;
  at::Tensor memory;
  std::vector<Constant> constants;
  std::vector<Step> steps;
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

/// How a kind of step is run.
const std::map<std::string, void (*)(const Description&, const Frame&)>& kinds() {
  using D = const Description&;
  using F = const Frame&;
  static const std::map<std::string, void (*)(D, F)> table = {
      {"images", [](D step, F frame) { unitImagesInto(frame.images, step.writes[0]); }},
      {"convolution",
       [](D step, F) {
         const auto& n = step.numbers;
         convolveInto(step.reads[0], *step.constant(0), step.constant(1), {n[0], n[1], n[2], n[3]}, static_cast<Activation>(n[4]), step.residual(),
                      step.writes[0]);
       }},
      {"copy", [](D step, F) { copyInto(step.reads[0], step.writes[0]); }},
      {"add", [](D step, F) { addInto(step.reads[0], step.reads[1], step.writes[0]); }},
      {"smooth", [](D step, F) { smoothInto(step.reads[0], step.writes[0]); }},
      {"enlarge", [](D step, F) { enlargeInto(step.reads[0], step.writes[0]); }},
      {"maxPool", [](D step, F) { maxPoolInto(step.reads[0], step.writes[0], step.numbers[0], step.numbers[1], step.numbers[2]); }},
      {"decode",
       [](D step, F frame) {
         decodeInto(step.reads, *step.constant(0), *step.constant(1), {step.numbers[0], step.numbers[1] != 0}, frame.predictions);
       }},
  };
  return table;
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

template <typename Item>
auto toVector(napi_env env, napi_value array, const Item& item) {
  std::vector<decltype(item(array))> items;
  for (uint32_t i = 0; i < arrayLength(env, array); ++i) items.push_back(item(element(env, array, i)));
  return items;
}

/// {offset (bytes), pixelStride, channels, height, width} → the tensor there.
at::Tensor toFeatures(napi_env env, napi_value place, const at::Tensor& memory, int64_t batch, at::ScalarType type) {
  const auto number = [&](const char* name) { return toInteger(env, property(env, place, name)); };
  const int64_t stride = number("pixelStride"), height = number("height"), width = number("width");
  return at::from_blob(static_cast<char*>(memory.data_ptr()) + number("offset"), {batch, number("channels"), height, width},
                       {height * width * stride, 1, width * stride, stride}, at::TensorOptions().dtype(type));
}

void finalize(napi_env, void* data, void*) { delete static_cast<std::unique_ptr<Plan>*>(data); }

std::unique_ptr<Plan>& planOf(napi_env env, napi_value value) {
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  return *static_cast<std::unique_ptr<Plan>*>(data);
}

/// convolvesSlices(x, weight, stride, padding, dilation, groups)
napi_value convolvesSlices(napi_env env, const Arguments& arguments) {
  const auto number = [&](size_t index) { return toInteger(env, arguments[index]); };
  return fromBool(env, bridge::convolvesSlices(unwrap(env, arguments[0]), unwrap(env, arguments[1]), {number(2), number(3), number(4), number(5)}));
}

/// makePlan({batch, dtype, imageBytes, predictionCount, memoryBytes, steps}) → plan
napi_value makePlan(napi_env env, const Arguments& arguments) {
  const auto number = [&](const char* name) { return toInteger(env, property(env, arguments[0], name)); };
  constexpr int64_t alignment = 64;
  const int64_t batch = number("batch");
  const at::ScalarType type = scalarTypeFromName(toString(env, property(env, arguments[0], "dtype")));
  auto plan = std::make_unique<Plan>();
  plan->imageBytes = number("imageBytes");
  plan->predictionCount = number("predictionCount");
  plan->memory = at::empty({number("memoryBytes") + alignment}, at::kByte);
  toVector(env, property(env, arguments[0], "steps"), [&](napi_value given) {
    const auto features = [&](napi_value place) { return toFeatures(env, place, plan->memory, batch, type); };
    Description step;
    step.kind = toString(env, property(env, given, "kind"));
    step.reads = toVector(env, property(env, given, "reads"), features);
    step.writes = toVector(env, property(env, given, "writes"), features);
    step.numbers = toVector(env, property(env, given, "numbers"), [&](napi_value value) { return toInteger(env, value); });
    step.constants = toVector(env, property(env, given, "constants"), [&](napi_value value) -> c10::optional<Constant> {
      if (!isHandle(env, value)) return c10::nullopt;
      plan->constants.emplace_back(unwrap(env, value));
      return plan->constants.back();
    });
    const auto run = kinds().at(step.kind);
    plan->steps.push_back([name = "plan::" + step.kind, step = std::move(step), run](const Frame& frame) {
      RECORD_FUNCTION(name, std::vector<c10::IValue>());  // for profiles
      run(step, frame);
    });
    return true;
  });
  auto* owner = new std::unique_ptr<Plan>(std::move(plan));
  napi_value value;
  check(env, napi_create_external(env, owner, finalize, nullptr, &value));
  return value;
}

template <napi_typedarray_type wanted>
void* elements(napi_env env, napi_value array, int64_t count) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  check(env, napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, &offset));
  if (type != wanted || static_cast<int64_t>(length) != count) throw std::invalid_argument("the plan takes " + std::to_string(count) + " elements");
  return data;
}

/// runPlan(plan, images, predictions) → whether it could: not once the model has given up a tensor that the plan was made with.
napi_value runPlan(napi_env env, const Arguments& arguments) {
  const Plan* plan = planOf(env, arguments[0]).get();
  if (!plan) throw std::invalid_argument("the plan was already disposed");
  for (const Constant& constant : plan->constants) {
    if (constant.expired()) return fromBool(env, false);
  }
  const Frame frame{static_cast<const uint8_t*>(elements<napi_uint8_array>(env, arguments[1], plan->imageBytes)),
                    static_cast<float*>(elements<napi_float32_array>(env, arguments[2], plan->predictionCount))};
  const at::NoGradGuard noGradients;
  for (const Step& step : plan->steps) step(frame);
  return fromBool(env, true);
}

napi_value disposePlan(napi_env env, const Arguments& arguments) {
  planOf(env, arguments[0]).reset();
  return undefined(env);
}

}  // namespace

void definePlans(napi_env env, napi_value exports) {
  define<convolvesSlices>(env, exports, "convolvesSlices");
  define<makePlan>(env, exports, "makePlan");
  define<runPlan>(env, exports, "runPlan");
  define<disposePlan>(env, exports, "disposePlan");
}

}  // namespace bridge
