#include "tensor-list.h"

#include <memory>

#include "handle.h"

namespace bridge {

namespace {

struct TensorList : External<TensorList> {
  static constexpr uint64_t magic = 0x594f4c4f76394c53;
  std::vector<at::Tensor> tensors;
};

/// makeTensorList(tensors, null among them where there is none) → list
napi_value makeTensorList(napi_env env, const Arguments& arguments) {
  if (!isArray(env, arguments[0])) throw std::invalid_argument("expected an array of Tensors");
  auto list = std::make_unique<TensorList>();
  const uint32_t count = arrayLength(env, arguments[0]);
  for (uint32_t i = 0; i < count; ++i) {
    const napi_value item = element(env, arguments[0], i);
    list->tensors.push_back(typeOf(env, item) == napi_null ? at::Tensor() : unwrap(env, item));
  }
  return toExternal(env, list.release());
}

napi_value disposeTensorList(napi_env env, const Arguments& arguments) {
  auto* list = externalOf<TensorList>(env, arguments[0]);
  if (!list) throw std::invalid_argument("expected a list of tensors");
  list->tensors.clear();
  return undefined(env);
}

}  // namespace

const std::vector<at::Tensor>* tensorListOf(napi_env env, napi_value value) {
  const auto* list = externalOf<TensorList>(env, value);
  return list ? &list->tensors : nullptr;
}

void defineTensorLists(napi_env env, napi_value exports) {
  define<makeTensorList>(env, exports, "makeTensorList");
  define<disposeTensorList>(env, exports, "disposeTensorList");
}

}  // namespace bridge
