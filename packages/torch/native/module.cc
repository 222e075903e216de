// Entry point of the addon: the operator door and the tensor functions, as plain exports.
#include "allocator.h"
#include "cuda-graph.h"
#include "custom-function.h"
#include "node.h"
#include "operators.h"
#include "plan.h"
#include "profiler.h"
#include "tensor-list.h"
#include "tensors.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace {

/// Keeps freed memory instead of giving it back to the system: tensors have an allocator of their own for that, but what libraries
/// and JavaScript's arrays take comes and goes with every step, too.
void keepFreedMemory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT32_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

}  // namespace

NAPI_MODULE_INIT() {
  keepFreedMemory();
  bridge::define<bridge::findOperator>(env, exports, "findOperator");
  bridge::define<bridge::callOperator>(env, exports, "callOperator");
  bridge::define<bridge::operatorSchemas>(env, exports, "operatorSchemas");
  bridge::defineTensorFunctions(env, exports);
  bridge::defineTensorLists(env, exports);
  bridge::defineCustomFunctions(env, exports);
  bridge::definePlans(env, exports);
  bridge::defineProfiler(env, exports);
  bridge::defineCudaGraphs(env, exports);
  bridge::defineAllocator(env, exports);
  return exports;
}
