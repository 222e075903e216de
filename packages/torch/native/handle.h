// A tensor as JavaScript holds it: an external value that owns one at::Tensor until it is released by hand
// or by the garbage collector, whichever comes first. Counts what is alive.
#pragma once

#include <ATen/core/Tensor.h>

#include "node.h"

namespace bridge {

struct MemoryStatistics {
  int64_t liveTensors = 0;
  int64_t liveBytes = 0;
  int64_t createdTensors = 0;
  int64_t collectedTensors = 0;  // freed by the garbage collector: forgotten by their owner
};

/// Of this thread's JavaScript.
MemoryStatistics& memoryStatistics();

/// Hands a tensor to JavaScript; an undefined tensor becomes null.
napi_value wrap(napi_env env, at::Tensor tensor);

/// True if the value is a tensor handle, released or not.
bool isHandle(napi_env env, napi_value value);

/// The tensor behind a handle; throws if the value is none or was already released.
at::Tensor& unwrap(napi_env env, napi_value value);

/// Tells the garbage collector of the tensor's memory. Only for tensors that no scope owns: one call for every tensor
/// of a training step would make V8 collect all the time for memory that is freed by hand anyway.
void watch(napi_env env, napi_value value);

/// Gives up the handle's tensor now. Doing it twice is harmless.
void release(napi_env env, napi_value value);

}  // namespace bridge
