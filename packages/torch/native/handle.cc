#include "handle.h"

#include <ATen/ATen.h>

namespace bridge {

namespace {

constexpr uint64_t handleMagic = 0x594f4c4f76395438;

struct Handle {
  uint64_t magic = handleMagic;
  at::Tensor tensor;
  int64_t bytes = 0;
  bool watched = false;
};

int64_t bytesOf(const at::Tensor& tensor) {
  // A view owns no memory of its own worth telling the garbage collector about.
  return tensor.storage().use_count() > 1 ? 0 : static_cast<int64_t>(tensor.numel() * tensor.element_size());
}

void forget(napi_env env, Handle* handle) {
  if (!handle->tensor.defined()) return;
  handle->tensor = at::Tensor();
  memoryStatistics().liveTensors -= 1;
  memoryStatistics().liveBytes -= handle->bytes;
  if (!handle->watched) return;
  int64_t total;
  napi_adjust_external_memory(env, -handle->bytes, &total);
}

void finalize(napi_env env, void* data, void*) {
  auto* handle = static_cast<Handle*>(data);
  if (handle->tensor.defined()) memoryStatistics().collectedTensors += 1;
  forget(env, handle);
  handle->magic = 0;
  delete handle;
}

Handle* handleOf(napi_env env, napi_value value) {
  if (typeOf(env, value) != napi_external) return nullptr;
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  auto* handle = static_cast<Handle*>(data);
  return handle && handle->magic == handleMagic ? handle : nullptr;
}

}  // namespace

MemoryStatistics& memoryStatistics() {
  static thread_local MemoryStatistics statistics;
  return statistics;
}

napi_value wrap(napi_env env, at::Tensor tensor) {
  napi_value value;
  if (!tensor.defined()) {
    check(env, napi_get_null(env, &value));
    return value;
  }
  auto* handle = new Handle;
  handle->bytes = bytesOf(tensor);
  handle->tensor = std::move(tensor);
  const napi_status status = napi_create_external(env, handle, finalize, nullptr, &value);
  if (status != napi_ok) delete handle;
  check(env, status);
  memoryStatistics().liveTensors += 1;
  memoryStatistics().createdTensors += 1;
  memoryStatistics().liveBytes += handle->bytes;
  return value;
}

bool isHandle(napi_env env, napi_value value) { return handleOf(env, value) != nullptr; }

at::Tensor& unwrap(napi_env env, napi_value value) {
  Handle* handle = handleOf(env, value);
  if (!handle) throw std::invalid_argument("expected a Tensor");
  if (!handle->tensor.defined()) throw std::invalid_argument("the Tensor was already disposed");
  return handle->tensor;
}

void release(napi_env env, napi_value value) {
  Handle* handle = handleOf(env, value);
  if (!handle) throw std::invalid_argument("expected a Tensor");
  forget(env, handle);
}

void watch(napi_env env, napi_value value) {
  Handle* handle = handleOf(env, value);
  if (!handle || !handle->tensor.defined() || handle->watched) return;
  handle->watched = true;
  int64_t total;
  check(env, napi_adjust_external_memory(env, handle->bytes, &total));
}

}  // namespace bridge
