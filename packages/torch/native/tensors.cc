#include "tensors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/version.h>

#include <cstring>

#include "channels-last.h"
#include "cuda-graph.h"
#include "handle.h"
#include "scalar-types.h"

namespace bridge {

namespace {

constexpr uint32_t mostDimensions = 64;

std::vector<int64_t> toShape(napi_env env, napi_value array) {
  if (!isArray(env, array)) throw std::invalid_argument("expected the shape as an array of integers");
  const uint32_t dimensions = arrayLength(env, array);
  if (dimensions > mostDimensions) throw std::invalid_argument("a shape of " + std::to_string(dimensions) + " dimensions has too many");
  std::vector<int64_t> shape(dimensions);
  for (uint32_t i = 0; i < shape.size(); ++i) shape[i] = toInteger(env, element(env, array, i));
  return shape;
}

struct Bytes {
  void* data;
  size_t length;
};

Bytes bytesOf(napi_env env, napi_value typedArray) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, typedArray, &type, &length, &data, &buffer, &offset) != napi_ok || type != napi_uint8_array) {
    throw std::invalid_argument("expected the bytes as a Uint8Array");
  }
  return {data, length};
}

/// Before memory is taken: a shape from a file may say anything.
void checkLength(const std::vector<int64_t>& shape, size_t elementSize, size_t length) {
  uint64_t wanted = elementSize;
  bool tooLarge = false;
  for (const int64_t size : shape) {
    if (size < 0) throw std::invalid_argument("a shape cannot have " + std::to_string(size) + " elements in a dimension");
    tooLarge = __builtin_mul_overflow(wanted, static_cast<uint64_t>(size), &wanted) || tooLarge;
  }
  if (!tooLarge && wanted == length) return;
  throw std::invalid_argument("the shape takes " + (tooLarge ? "too many" : std::to_string(wanted)) + " bytes, the array has " + std::to_string(length));
}

/// fromBytes(bytes, dtype, shape) → tensor holding a copy.
napi_value fromBytes(napi_env env, const Arguments& arguments) {
  const Bytes bytes = bytesOf(env, arguments[0]);
  const auto type = scalarTypeFromName(toString(env, arguments[1]));
  const std::vector<int64_t> shape = toShape(env, arguments[2]);
  checkLength(shape, c10::elementSize(type), bytes.length);
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  if (bytes.length > 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  return wrap(env, std::move(tensor));
}

/// toBytes(tensor) → ArrayBuffer with the elements in row-major order.
napi_value toBytes(napi_env env, const Arguments& arguments) {
  const at::Tensor tensor = unwrap(env, arguments[0]).detach().to(at::kCPU).contiguous();
  void* data;
  napi_value buffer;
  check(env, napi_create_arraybuffer(env, tensor.nbytes(), &data, &buffer));
  if (tensor.nbytes() > 0) std::memcpy(data, tensor.data_ptr(), tensor.nbytes());
  return buffer;
}

napi_value shape(napi_env env, const Arguments& arguments) {
  const auto sizes = unwrap(env, arguments[0]).sizes();
  napi_value array;
  check(env, napi_create_array_with_length(env, sizes.size(), &array));
  for (uint32_t i = 0; i < sizes.size(); ++i) {
    check(env, napi_set_element(env, array, i, fromDouble(env, static_cast<double>(sizes[i]))));
  }
  return array;
}

napi_value dtype(napi_env env, const Arguments& arguments) {
  return fromString(env, nameOfScalarType(unwrap(env, arguments[0]).scalar_type()));
}

napi_value device(napi_env env, const Arguments& arguments) { return fromString(env, unwrap(env, arguments[0]).device().str()); }

/// item(tensor) → the only element as a number.
napi_value item(napi_env env, const Arguments& arguments) {
  const at::Scalar scalar = unwrap(env, arguments[0]).item();
  return fromDouble(env, scalar.isBoolean() ? static_cast<double>(scalar.toBool()) : scalar.toDouble());
}

napi_value isContiguous(napi_env env, const Arguments& arguments) {
  return fromBool(env, unwrap(env, arguments[0]).is_contiguous(memoryFormatFromName(toString(env, arguments[1]))));
}

/// memoryOf(tensor) → {storage, offset, pixelStride}
napi_value memoryOf(napi_env env, const Arguments& arguments) {
  const at::Tensor& tensor = unwrap(env, arguments[0]);
  if (!tensor.has_storage()) throw std::invalid_argument("the Tensor has no memory of its own");
  const auto storage = reinterpret_cast<uintptr_t>(tensor.storage().unsafeGetStorageImpl());
  napi_value object;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "storage", fromDouble(env, static_cast<double>(storage)));
  setProperty(env, object, "offset", fromDouble(env, static_cast<double>(tensor.storage_offset())));
  setProperty(env, object, "pixelStride", fromDouble(env, static_cast<double>(tensor.dim() == 4 ? pixelStride(tensor) : 0)));
  return object;
}

/// alias(tensor) → another handle to the same tensor.
napi_value alias(napi_env env, const Arguments& arguments) { return wrap(env, unwrap(env, arguments[0])); }

napi_value dispose(napi_env env, const Arguments& arguments) {
  release(env, arguments[0]);
  return undefined(env);
}

napi_value watchMemory(napi_env env, const Arguments& arguments) {
  watch(env, arguments[0]);
  return undefined(env);
}

napi_value requiresGrad(napi_env env, const Arguments& arguments) { return fromBool(env, unwrap(env, arguments[0]).requires_grad()); }

napi_value setRequiresGrad(napi_env env, const Arguments& arguments) {
  unwrap(env, arguments[0]).set_requires_grad(toBool(env, arguments[1]));
  return undefined(env);
}

/// grad(tensor) → the accumulated gradient or null.
napi_value grad(napi_env env, const Arguments& arguments) { return wrap(env, unwrap(env, arguments[0]).grad()); }

napi_value clearGrad(napi_env env, const Arguments& arguments) {
  unwrap(env, arguments[0]).mutable_grad() = at::Tensor();
  return undefined(env);
}

/// backward(tensor, gradient?, retainGraph)
napi_value backward(napi_env env, const Arguments& arguments) {
  // Backward passes written in JavaScript may dispose of both.
  const at::Tensor root = unwrap(env, arguments[0]);
  const bool given = typeOf(env, arguments[1]) != napi_undefined;
  const at::Tensor gradient = given ? unwrap(env, arguments[1]) : at::Tensor();
  root.backward(gradient, toBool(env, arguments[2]));
  return undefined(env);
}

napi_value setGradEnabled(napi_env env, const Arguments& arguments) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(toBool(env, arguments[0]));
  return fromBool(env, before);
}

napi_value isGradEnabled(napi_env env, const Arguments&) { return fromBool(env, c10::GradMode::is_enabled()); }

napi_value manualSeed(napi_env env, const Arguments& arguments) {
  at::manual_seed(static_cast<uint64_t>(toInteger(env, arguments[0])));
  return undefined(env);
}

/// generatorState() → uint8 tensor with the state of the CPU generator.
napi_value generatorState(napi_env env, const Arguments&) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return wrap(env, generator.get_state());
}

/// The generator's place in its numbers, as libtorch writes it at the beginning of a state.
struct GeneratorPlace {
  uint64_t seed;
  int32_t left, seeded;
  uint64_t next;
};
constexpr int64_t generatorNumbers = 624;

/// libtorch checks a state's size and each of its numbers, but not that those which are left lie within memory.
void checkGeneratorState(const at::Tensor& state) {
  constexpr auto size = static_cast<int64_t>(sizeof(GeneratorPlace));
  TORCH_CHECK(state.layout() == at::kStrided && state.is_cpu() && state.scalar_type() == at::kByte && state.is_contiguous() && state.numel() >= size,
              "a generator's state is contiguous uint8 on the CPU");
  GeneratorPlace place;
  std::memcpy(&place, state.data_ptr(), sizeof place);
  const bool within = place.left >= 1 && place.left <= generatorNumbers && place.next <= static_cast<uint64_t>(generatorNumbers + 1 - place.left);
  TORCH_CHECK(within, "a generator's state has ", place.left, " numbers left after the first ", place.next, " of ", generatorNumbers);
}

napi_value setGeneratorState(napi_env env, const Arguments& arguments) {
  const at::Tensor state = unwrap(env, arguments[0]);
  checkGeneratorState(state);
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
  return undefined(env);
}

constexpr int64_t mostThreads = 1024;

napi_value setThreads(napi_env env, const Arguments& arguments) {
  const int64_t count = toInteger(env, arguments[0]);
  // Threads that the system refuses end the process.
  if (count < 1 || count > mostThreads) {
    throw std::invalid_argument("threads must be from 1 to " + std::to_string(mostThreads) + ", got " + std::to_string(count));
  }
  at::set_num_threads(static_cast<int>(count));
  return undefined(env);
}

napi_value threads(napi_env env, const Arguments&) { return fromDouble(env, at::get_num_threads()); }

napi_value memory(napi_env env, const Arguments&) {
  const MemoryStatistics& statistics = memoryStatistics();
  napi_value object;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "liveTensors", fromDouble(env, static_cast<double>(statistics.liveTensors)));
  setProperty(env, object, "liveBytes", fromDouble(env, static_cast<double>(statistics.liveBytes)));
  setProperty(env, object, "createdTensors", fromDouble(env, static_cast<double>(statistics.createdTensors)));
  setProperty(env, object, "collectedTensors", fromDouble(env, static_cast<double>(statistics.collectedTensors)));
  return object;
}

/// capabilities() → what this libtorch was built with.
napi_value capabilities(napi_env env, const Arguments&) {
  napi_value object;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "version", fromString(env, TORCH_VERSION));
  setProperty(env, object, "cuda", fromBool(env, at::hasCUDA()));
  setProperty(env, object, "cudaGraphs", fromBool(env, hasCudaGraphs()));
  setProperty(env, object, "mkldnn", fromBool(env, at::hasMKLDNN()));
  setProperty(env, object, "mkl", fromBool(env, at::hasMKL()));
  setProperty(env, object, "openmp", fromBool(env, at::hasOpenMP()));
  setProperty(env, object, "parallel", fromString(env, at::get_parallel_info()));
  return object;
}

}  // namespace

void defineTensorFunctions(napi_env env, napi_value exports) {
  define<fromBytes>(env, exports, "fromBytes");
  define<toBytes>(env, exports, "toBytes");
  define<shape>(env, exports, "shape");
  define<dtype>(env, exports, "dtype");
  define<device>(env, exports, "device");
  define<item>(env, exports, "item");
  define<isContiguous>(env, exports, "isContiguous");
  define<memoryOf>(env, exports, "memoryOf");
  define<alias>(env, exports, "alias");
  define<dispose>(env, exports, "dispose");
  define<watchMemory>(env, exports, "watchMemory");
  define<requiresGrad>(env, exports, "requiresGrad");
  define<setRequiresGrad>(env, exports, "setRequiresGrad");
  define<grad>(env, exports, "grad");
  define<clearGrad>(env, exports, "clearGrad");
  define<backward>(env, exports, "backward");
  define<setGradEnabled>(env, exports, "setGradEnabled");
  define<isGradEnabled>(env, exports, "isGradEnabled");
  define<manualSeed>(env, exports, "manualSeed");
  define<generatorState>(env, exports, "generatorState");
  define<setGeneratorState>(env, exports, "setGeneratorState");
  define<setThreads>(env, exports, "setThreads");
  define<threads>(env, exports, "threads");
  define<memory>(env, exports, "memory");
  define<capabilities>(env, exports, "capabilities");
}

}  // namespace bridge
