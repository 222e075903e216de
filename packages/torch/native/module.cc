// Entry point of the addon: the operator door and the tensor functions, as plain exports.
#include "allocator.h"
#include "cuda-graph.h"
#include "custom-function.h"
#include "loan.h"
#include "node.h"
#include "operators.h"
#include "plan.h"
#include "profiler.h"
#include "tensor-list.h"
#include "tensors.h"

NAPI_MODULE_INIT() {
  bridge::define<bridge::findOperator>(env, exports, "findOperator");
  bridge::define<bridge::callOperator>(env, exports, "callOperator");
  bridge::define<bridge::operatorNames>(env, exports, "operatorNames");
  bridge::define<bridge::operatorSchemas>(env, exports, "operatorSchemas");
  bridge::defineTensorFunctions(env, exports);
  bridge::defineLoans(env, exports);
  bridge::defineTensorLists(env, exports);
  bridge::defineCustomFunctions(env, exports);
  bridge::definePlans(env, exports);
  bridge::defineProfiler(env, exports);
  bridge::defineCudaGraphs(env, exports);
  bridge::defineAllocator(env, exports);
  return exports;
}
