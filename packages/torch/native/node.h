// The few Node-API idioms that every source of the bridge shares: checked calls, argument access and the
// translation of any C++ exception into a JavaScript one. It knows nothing about tensors.
#pragma once

// Experimental Node-API gives "basic" finalizers, which run during garbage collection itself. Ordinary ones
// wait for the event loop, and a synchronous training loop would keep every forgotten tensor alive.
#define NAPI_EXPERIMENTAL
#define NAPI_VERSION 2147483647  // NAPI_VERSION_EXPERIMENTAL
#ifndef NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT
#define NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT
#endif
#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace bridge {

/// Thrown when Node-API itself refuses a call; a JavaScript exception may already be pending.
struct NodeApiError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw NodeApiError(info && info->error_message ? info->error_message : "Node-API call failed");
}

inline napi_value undefined(napi_env env) {
  napi_value value;
  check(env, napi_get_undefined(env, &value));
  return value;
}

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

inline bool isArray(napi_env env, napi_value value) {
  bool result = false;
  check(env, napi_is_array(env, value, &result));
  return result;
}

inline uint32_t arrayLength(napi_env env, napi_value array) {
  uint32_t length;
  check(env, napi_get_array_length(env, array, &length));
  return length;
}

inline napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value value;
  check(env, napi_get_element(env, array, index, &value));
  return value;
}

inline std::string toString(napi_env env, napi_value value) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) throw std::invalid_argument("expected a string");
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

inline double toDouble(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) throw std::invalid_argument("expected a number");
  return number;
}

/// A number or BigInt without a fractional part.
inline int64_t toInteger(napi_env env, napi_value value) {
  if (typeOf(env, value) == napi_bigint) {
    int64_t integer;
    bool lossless;
    check(env, napi_get_value_bigint_int64(env, value, &integer, &lossless));
    if (!lossless) throw std::invalid_argument("BigInt does not fit into 64 bits");
    return integer;
  }
  const double number = toDouble(env, value);
  constexpr double limit = 9223372036854775808.0;
  if (number != std::trunc(number) || number < -limit || number >= limit) {
    throw std::invalid_argument("expected an integer, got " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

inline bool toBool(napi_env env, napi_value value) {
  bool result;
  if (napi_get_value_bool(env, value, &result) != napi_ok) throw std::invalid_argument("expected true or false");
  return result;
}

inline napi_value fromDouble(napi_env env, double number) {
  napi_value value;
  check(env, napi_create_double(env, number, &value));
  return value;
}

inline napi_value fromBool(napi_env env, bool flag) {
  napi_value value;
  check(env, napi_get_boolean(env, flag, &value));
  return value;
}

inline napi_value fromString(napi_env env, const std::string& text) {
  napi_value value;
  check(env, napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

inline void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

/// What JavaScript holds as an external value begins with a number that says what it is: one kind is never taken for another.
/// @tparam Value has a `magic` of its own
template <typename Value>
struct External {
  uint64_t kind = Value::magic;
};

/// The value behind an external one; null where it is of another kind, or no external value at all.
template <typename Value>
Value* externalOf(napi_env env, napi_value value) {
  if (typeOf(env, value) != napi_external) return nullptr;
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  const bool known = data && static_cast<External<Value>*>(data)->kind == Value::magic;
  return known ? static_cast<Value*>(data) : nullptr;
}

/// Hands a value to JavaScript, whose garbage collector deletes it.
template <typename Value>
napi_value toExternal(napi_env env, Value* owned) {
  napi_value value;
  const napi_status status = napi_create_external(
      env, owned, [](napi_env, void* data, void*) { delete static_cast<Value*>(data); }, nullptr, &value);
  if (status != napi_ok) delete owned;
  check(env, status);
  return value;
}

/// The arguments of one call from JavaScript; asking for one that was not passed gives undefined.
class Arguments {
 public:
  static constexpr size_t capacity = 8;
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    count_ = capacity;
    check(env, napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr));
  }
  napi_value operator[](size_t index) const { return values_[index]; }
  size_t count() const { return count_; }

 private:
  napi_env env_;
  size_t count_;
  napi_value values_[capacity];
};

using Body = napi_value (*)(napi_env, const Arguments&);

/// Wraps a body so that whatever it throws (standard, c10 or unknown) becomes a JavaScript error.
template <Body body>
napi_value guarded(napi_env env, napi_callback_info info) {
  std::string message;
  try {
    return body(env, Arguments(env, info));
  } catch (const NodeApiError& error) {
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (pending) return nullptr;
    message = error.what();
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "unknown C++ exception";
  }
  napi_throw_error(env, "ERR_LIBTORCH", message.c_str());
  return nullptr;
}

/// Adds a guarded function to an object.
template <Body body>
void define(napi_env env, napi_value object, const char* name) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<body>, nullptr, &function));
  setProperty(env, object, name, function);
}

}  // namespace bridge
