// Entry point of the addon: the operator door and the tensor functions, as plain exports.
#include "node.h"
#include "operators.h"
#include "tensors.h"

NAPI_MODULE_INIT() {
  bridge::define<bridge::findOperator>(env, exports, "findOperator");
  bridge::define<bridge::callOperator>(env, exports, "callOperator");
  bridge::define<bridge::operatorSchemas>(env, exports, "operatorSchemas");
  bridge::defineTensorFunctions(env, exports);
  return exports;
}
