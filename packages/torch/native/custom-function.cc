// Backward passes written in JavaScript: a node of the autograd graph that knows only a number, and one JavaScript function
// that all such nodes call with their number and gradients. What the number stands for is kept on the other side.
#include "custom-function.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <mutex>
#include <thread>

#include "handle.h"

namespace bridge {

namespace {

using torch::autograd::variable_list;

/// The function that computes gradients, once this thread's JavaScript has set it.
thread_local napi_ref handler = nullptr;

/// Numbers of nodes that are gone, for JavaScript to forget what it kept for them. Nodes may die in a finalizer, where
/// JavaScript must not be called.
std::mutex releasedMutex;
std::vector<double> released;

std::string takeException(napi_env env) {
  napi_value exception, message;
  check(env, napi_get_and_clear_last_exception(env, &exception));
  if (typeOf(env, exception) != napi_object) return "a custom backward function failed";
  check(env, napi_get_named_property(env, exception, "message", &message));
  return typeOf(env, message) == napi_string ? toString(env, message) : "a custom backward function failed";
}

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { check(env, napi_open_handle_scope(env, &scope_)); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_;
};

napi_value arrayOf(napi_env env, variable_list tensors) {
  napi_value array;
  check(env, napi_create_array_with_length(env, tensors.size(), &array));
  for (uint32_t i = 0; i < tensors.size(); ++i) check(env, napi_set_element(env, array, i, wrap(env, std::move(tensors[i]))));
  return array;
}

variable_list tensorsOf(napi_env env, napi_value array) {
  variable_list tensors(arrayLength(env, array));
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    const napi_value value = element(env, array, i);
    const napi_valuetype type = typeOf(env, value);
    if (type != napi_null && type != napi_undefined) tensors[i] = unwrap(env, value);
  }
  return tensors;
}

class ScriptNode : public torch::autograd::Node {
 public:
  ScriptNode(napi_env env, double id) : env_(env), id_(id), thread_(std::this_thread::get_id()) {}

  ~ScriptNode() override {
    const std::lock_guard<std::mutex> lock(releasedMutex);
    released.push_back(id_);
  }

  std::string name() const override { return "CustomFunction"; }

  variable_list apply(variable_list&& gradients) override {
    if (std::this_thread::get_id() != thread_) {
      throw std::runtime_error("a custom backward function works on tensors of the CPU only: libtorch calls it from a thread without JavaScript");
    }
    HandleScope handles(env_);
    napi_value function, global, result;
    if (handler == nullptr) throw std::logic_error("no function computes the gradients: setBackwardHandler was not called");
    check(env_, napi_get_reference_value(env_, handler, &function));
    check(env_, napi_get_global(env_, &global));
    const napi_value arguments[] = {fromDouble(env_, id_), arrayOf(env_, std::move(gradients))};
    if (napi_call_function(env_, global, function, 2, arguments, &result) != napi_ok) throw std::runtime_error(takeException(env_));
    variable_list computed = tensorsOf(env_, result);
    for (uint32_t i = 0; i < computed.size(); ++i) {
      if (computed[i].defined()) release(env_, element(env_, result, i));
    }
    return computed;
  }

 private:
  napi_env env_;
  double id_;
  std::thread::id thread_;
};

/// How libtorch owns its nodes: std::shared_ptr in older versions, c10::intrusive_ptr in newer ones.
using NodePointer = decltype(torch::autograd::Edge::function);

template <typename Node>
void own(std::shared_ptr<Node>& owner, Node* node) {
  owner.reset(node);
}

template <typename Node>
void own(c10::intrusive_ptr<Node>& owner, Node* node) {
  owner = c10::intrusive_ptr<Node>::unsafe_steal_from_new(node);
}

/// setBackwardHandler(function): (id, gradients of the outputs) → gradients of the inputs, null for none.
napi_value setBackwardHandler(napi_env env, const Arguments& arguments) {
  if (typeOf(env, arguments[0]) != napi_function) throw std::invalid_argument("expected a function");
  if (handler != nullptr) check(env, napi_delete_reference(env, handler));
  check(env, napi_create_reference(env, arguments[0], 1, &handler));
  return undefined(env);
}

/// attachBackward(id, inputs, outputs): makes outputs, computed without recording, functions of the inputs.
napi_value attachBackward(napi_env env, const Arguments& arguments) {
  const auto id = static_cast<double>(toInteger(env, arguments[0]));
  const variable_list inputs = tensorsOf(env, arguments[1]), outputs = tensorsOf(env, arguments[2]);
  for (const at::Tensor& output : outputs) {
    TORCH_CHECK(output.defined() && at::isFloatingType(output.scalar_type()), "outputs of a custom function must be floating-point Tensors");
    TORCH_CHECK(!output.requires_grad(), "outputs of a custom function must be new Tensors, computed without recording");
  }
  NodePointer node;
  own(node, static_cast<torch::autograd::Node*>(new ScriptNode(env, id)));
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (at::Tensor output : outputs) torch::autograd::set_history(output, node);
  return undefined(env);
}

/// releasedBackwards() → the numbers of nodes that died since the last call.
napi_value releasedBackwards(napi_env env, const Arguments&) {
  std::vector<double> numbers;
  {
    const std::lock_guard<std::mutex> lock(releasedMutex);
    numbers.swap(released);
  }
  napi_value array;
  check(env, napi_create_array_with_length(env, numbers.size(), &array));
  for (uint32_t i = 0; i < numbers.size(); ++i) check(env, napi_set_element(env, array, i, fromDouble(env, numbers[i])));
  return array;
}

}  // namespace

void defineCustomFunctions(napi_env env, napi_value exports) {
  define<setBackwardHandler>(env, exports, "setBackwardHandler");
  define<attachBackward>(env, exports, "attachBackward");
  define<releasedBackwards>(env, exports, "releasedBackwards");
}

}  // namespace bridge
