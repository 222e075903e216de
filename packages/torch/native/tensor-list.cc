#include "tensor-list.h"

#include "handle.h"

namespace bridge {

namespace {

constexpr uint64_t listMagic = 0x594f4c4f76394c53;

struct TensorList {
  uint64_t magic = listMagic;
  std::vector<at::Tensor> tensors;
};

void finalize(napi_env, void* data, void*) { delete static_cast<TensorList*>(data); }

TensorList* listOf(napi_env env, napi_value value) {
  if (typeOf(env, value) != napi_external) return nullptr;
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  auto* list = static_cast<TensorList*>(data);
  return list && list->magic == listMagic ? list : nullptr;
}

/// makeTensorList(tensors, null among them where there is none) → list
napi_value makeTensorList(napi_env env, const Arguments& arguments) {
  auto* list = new TensorList;
  napi_value value;
  const napi_status status = napi_create_external(env, list, finalize, nullptr, &value);
  if (status != napi_ok) delete list;
  check(env, status);
  const uint32_t count = arrayLength(env, arguments[0]);
  list->tensors.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const napi_value item = element(env, arguments[0], i);
    list->tensors.push_back(typeOf(env, item) == napi_null ? at::Tensor() : unwrap(env, item));
  }
  return value;
}

napi_value disposeTensorList(napi_env env, const Arguments& arguments) {
  TensorList* list = listOf(env, arguments[0]);
  if (!list) throw std::invalid_argument("expected a list of tensors");
  list->tensors.clear();
  return undefined(env);
}

}  // namespace

const std::vector<at::Tensor>* tensorListOf(napi_env env, napi_value value) {
  const TensorList* list = listOf(env, value);
  return list ? &list->tensors : nullptr;
}

void defineTensorLists(napi_env env, napi_value exports) {
  define<makeTensorList>(env, exports, "makeTensorList");
  define<disposeTensorList>(env, exports, "disposeTensorList");
}

}  // namespace bridge
