// A plan's steps are prepared once, on tensors that share one piece of memory, and run without allocating. What the steps are and where
// features lie in the memory is decided in TypeScript (src/plan).
#include "plan.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <functional>
#include <memory>

#include "convolution.h"
#include "handle.h"
#include "plan-steps.h"
#include "scalar-types.h"

namespace bridge {

namespace {

using Step = std::function<void(const Frame&)>;

struct Plan : External<Plan> {
  static constexpr uint64_t magic = 0x594f4c4f7639504c;
  int64_t imageBytes, predictionCount;
  at::Tensor memory;
  std::vector<Constant> constants;
  std::vector<Step> steps;
  bool disposed = false;
};

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

template <typename Item>
auto toVector(napi_env env, napi_value array, const Item& item) {
  std::vector<decltype(item(array))> items;
  if (!isArray(env, array)) throw std::invalid_argument("expected an array");
  for (uint32_t i = 0; i < arrayLength(env, array); ++i) items.push_back(item(element(env, array, i)));
  return items;
}

/// {offset (bytes), pixelStride, channels, height, width} → the tensor there.
at::Tensor toFeatures(napi_env env, napi_value place, const at::Tensor& memory, int64_t batch, at::ScalarType type) {
  const auto number = [&](const char* name) { return toInteger(env, property(env, place, name)); };
  const int64_t stride = number("pixelStride"), channels = number("channels"), height = number("height"), width = number("width"), offset = number("offset");
  for (const auto& [name, given] : {std::make_pair("channels", channels), std::make_pair("height", height), std::make_pair("width", width)}) {
    planChecks.number(name, given, 1);
  }
  planChecks.number("pixelStride", stride, channels);
  const auto elementSize = static_cast<int64_t>(c10::elementSize(type));
  // In floating point, where nothing overflows; memory is far smaller than what that rounds.
  const double elements = (static_cast<double>(batch) * static_cast<double>(height) * static_cast<double>(width) - 1) * static_cast<double>(stride) + static_cast<double>(channels);
  const bool within = offset >= 0 && offset % elementSize == 0 && static_cast<double>(offset) + elements * static_cast<double>(elementSize) <= static_cast<double>(memory.numel());
  TORCH_CHECK(within, "plan: features of ", channels, " channels, ", height, " x ", width, ", at byte ", offset, " do not lie in ", memory.numel(), " bytes");
  return at::from_blob(static_cast<char*>(memory.data_ptr()) + offset, {batch, channels, height, width},
                       {height * width * stride, 1, width * stride, stride}, at::TensorOptions().dtype(type));
}

Plan& planOf(napi_env env, napi_value value) {
  auto* plan = externalOf<Plan>(env, value);
  if (!plan) throw std::invalid_argument("expected a plan");
  return *plan;
}

/// convolvesSlices(x, weight, stride, padding, dilation, groups)
napi_value convolvesSlices(napi_env env, const Arguments& arguments) {
  const auto number = [&](size_t index) { return toInteger(env, arguments[index]); };
  return fromBool(env, bridge::convolvesSlices(unwrap(env, arguments[0]), unwrap(env, arguments[1]), {number(2), number(3), number(4), number(5)}));
}

/// makePlan({batch, dtype, imageBytes, predictionCount, memoryBytes, steps}) → plan
napi_value makePlan(napi_env env, const Arguments& arguments) {
  const auto number = [&](const char* name) { return toInteger(env, property(env, arguments[0], name)); };
  constexpr int64_t alignment = 64, mostBytes = int64_t{1} << 46;
  const int64_t batch = number("batch");
  const at::ScalarType type = scalarTypeFromName(toString(env, property(env, arguments[0], "dtype")));
  TORCH_CHECK(type == at::kFloat || type == at::kBFloat16, "plan: dtype must be float32 or bfloat16, got ", nameOfScalarType(type));
  planChecks.number("batch", batch, 1);
  auto plan = std::make_unique<Plan>();
  plan->imageBytes = number("imageBytes");
  plan->predictionCount = number("predictionCount");
  const int64_t memoryBytes = number("memoryBytes");
  for (const auto& [name, given] : {std::make_pair("imageBytes", plan->imageBytes), std::make_pair("predictionCount", plan->predictionCount), std::make_pair("memoryBytes", memoryBytes)}) {
    planChecks.number(name, given, 0, mostBytes);
  }
  plan->memory = at::empty({memoryBytes + alignment}, at::kByte);
  const Sizes sizes{plan->imageBytes, plan->predictionCount};
  toVector(env, property(env, arguments[0], "steps"), [&](napi_value given) {
    const auto features = [&](napi_value place) { return toFeatures(env, place, plan->memory, batch, type); };
    Description step;
    step.kind = toString(env, property(env, given, "kind"));
    step.reads = toVector(env, property(env, given, "reads"), features);
    step.writes = toVector(env, property(env, given, "writes"), features);
    step.numbers = toVector(env, property(env, given, "numbers"), [&](napi_value value) { return toInteger(env, value); });
    step.constants = toVector(env, property(env, given, "constants"), [&](napi_value value) -> c10::optional<Constant> {
      if (typeOf(env, value) == napi_null) return c10::nullopt;
      plan->constants.emplace_back(unwrap(env, value));
      return plan->constants.back();
    });
    const Kind kind = kindOf(step.kind);
    kind.check(step, sizes);
    plan->steps.push_back([name = "plan::" + step.kind, step = std::move(step), kind, sizes](const Frame& frame) {
      RECORD_FUNCTION(name, std::vector<c10::IValue>());  // for profiles
      if (!step.constants.empty()) kind.check(step, sizes);  // the model may have changed
      kind.run(step, frame);
    });
    return true;
  });
  return toExternal(env, plan.release());
}

template <napi_typedarray_type wanted>
void* elements(napi_env env, napi_value array, int64_t count) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  const bool isArray = napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, &offset) == napi_ok;
  if (!isArray || type != wanted || static_cast<int64_t>(length) != count) throw std::invalid_argument("the plan takes " + std::to_string(count) + " elements");
  return data;
}

/// runPlan(plan, images, predictions) → whether it could: not once the model has given up a tensor that the plan was made with.
napi_value runPlan(napi_env env, const Arguments& arguments) {
  const Plan& plan = planOf(env, arguments[0]);
  if (plan.disposed) throw std::invalid_argument("the plan was already disposed");
  for (const Constant& constant : plan.constants) {
    if (constant.expired()) return fromBool(env, false);
  }
  const Frame frame{static_cast<const uint8_t*>(elements<napi_uint8_array>(env, arguments[1], plan.imageBytes)),
                    static_cast<float*>(elements<napi_float32_array>(env, arguments[2], plan.predictionCount))};
  const at::NoGradGuard noGradients;
  for (const Step& step : plan.steps) step(frame);
  return fromBool(env, true);
}

napi_value disposePlan(napi_env env, const Arguments& arguments) {
  Plan& plan = planOf(env, arguments[0]);
  plan.steps.clear();
  plan.constants.clear();
  plan.memory = at::Tensor();
  plan.disposed = true;
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
