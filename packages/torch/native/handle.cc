#include "handle.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace bridge {

namespace {

struct Handle : External<Handle> {
  static constexpr uint64_t magic = 0x594f4c4f76395438;
  at::Tensor tensor;
  int64_t bytes = 0;
  bool watched = false;
};

/// V8 ends the process when it is told of more than 2^60 bytes.
constexpr size_t mostBytes = size_t{1} << 53;

int64_t bytesOf(const at::Tensor& tensor) {
  // A view owns no memory of its own worth telling the garbage collector about, and a tensor without values has none.
  if (tensor.is_meta() || !tensor.has_storage() || tensor.storage().use_count() > 1) return 0;
  return static_cast<int64_t>(std::min(tensor.storage().nbytes(), mostBytes));
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
  handle->kind = 0;
  delete handle;
}

Handle* handleOf(napi_env env, napi_value value) { return externalOf<Handle>(env, value); }

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
  const int64_t bytes = bytesOf(tensor);
  auto* handle = new Handle;
  handle->bytes = bytes;
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
  if (!handle) throw std::invalid_argument("expected a Tensor");
  if (!handle->tensor.defined() || handle->watched) return;
  handle->watched = true;
  int64_t total;
  check(env, napi_adjust_external_memory(env, handle->bytes, &total));
}

}  // namespace bridge
