#include "operators.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include "handle.h"
#include "scalar-types.h"
#include "tensor-list.h"

namespace bridge {

namespace {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;

/// Those that this thread's JavaScript has looked up; it knows them by their index.
std::vector<c10::OperatorHandle>& operators() {
  static thread_local std::vector<c10::OperatorHandle> known;
  return known;
}

bool isMissing(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

at::Scalar toScalar(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  if (type == napi_boolean) return at::Scalar(toBool(env, value));
  if (type == napi_bigint) return at::Scalar(toInteger(env, value));
  const double number = toDouble(env, value);
  // JavaScript has one number type; 2 must not turn an integer tensor into a floating one, as 2.5 must.
  constexpr double largestExact = 9007199254740992.0;
  if (std::abs(number) <= largestExact && number == std::floor(number)) return at::Scalar(static_cast<int64_t>(number));
  return at::Scalar(number);
}

/// Integers stand for dtype, layout and memory format too, which JavaScript gives by name: libtorch does not check codes.
int64_t toIntegerOrCode(napi_env env, napi_value value, const c10::Argument& argument) {
  TypePtr type = argument.real_type();
  if (type->kind() == TypeKind::OptionalType) type = type->expectRef<c10::OptionalType>().getElementType();
  switch (type->kind()) {
    case TypeKind::ScalarTypeType:
      return static_cast<int64_t>(scalarTypeFromName(toString(env, value)));
    case TypeKind::MemoryFormatType:
      return static_cast<int64_t>(memoryFormatFromName(toString(env, value)));
    case TypeKind::LayoutType:
      return static_cast<int64_t>(layoutFromName(toString(env, value)));
    default:
      return typeOf(env, value) == napi_boolean ? toBool(env, value) : toInteger(env, value);
  }
}

IValue toList(napi_env env, napi_value value, const c10::Argument& argument, const TypePtr& elementType) {
  const bool array = isArray(env, value);
  // int[2] stride=1 may be given as one number, as in Python.
  const uint32_t count = array ? arrayLength(env, value) : static_cast<uint32_t>(argument.N() ? *argument.N() : 1);
  const auto at = [&](uint32_t index) { return array ? element(env, value, index) : value; };
  switch (elementType->kind()) {
    case TypeKind::TensorType: {
      if (const auto* known = tensorListOf(env, value)) {
        for (const at::Tensor& tensor : *known) {
          if (!tensor.defined()) throw std::invalid_argument("a Tensor of the list is missing");
        }
        return c10::List<at::Tensor>(at::ArrayRef<at::Tensor>(*known));
      }
      c10::List<at::Tensor> list;
      for (uint32_t i = 0; i < count; ++i) list.push_back(unwrap(env, at(i)));
      return list;
    }
    case TypeKind::OptionalType: {
      c10::List<c10::optional<at::Tensor>> list;
      if (const auto* known = tensorListOf(env, value)) {
        list.reserve(known->size());
        for (const at::Tensor& tensor : *known) list.push_back(tensor.defined() ? c10::optional<at::Tensor>(tensor) : c10::nullopt);
        return list;
      }
      for (uint32_t i = 0; i < count; ++i) {
        const napi_value item = at(i);
        list.push_back(isMissing(env, item) ? c10::optional<at::Tensor>() : c10::optional<at::Tensor>(unwrap(env, item)));
      }
      return list;
    }
    case TypeKind::IntType:
    case TypeKind::SymIntType: {
      c10::List<int64_t> list;
      for (uint32_t i = 0; i < count; ++i) list.push_back(toIntegerOrCode(env, at(i), argument));
      return list;
    }
    case TypeKind::FloatType: {
      c10::List<double> list;
      for (uint32_t i = 0; i < count; ++i) list.push_back(toDouble(env, at(i)));
      return list;
    }
    case TypeKind::BoolType: {
      c10::List<bool> list;
      for (uint32_t i = 0; i < count; ++i) list.push_back(toBool(env, at(i)));
      return list;
    }
    case TypeKind::NumberType: {
      c10::List<at::Scalar> list;
      for (uint32_t i = 0; i < count; ++i) list.push_back(toScalar(env, at(i)));
      return IValue(list);
    }
    default:
      throw std::invalid_argument("lists of " + elementType->str() + " are not supported");
  }
}

IValue toIValue(napi_env env, napi_value value, const c10::Argument& argument, const TypePtr& type) {
  switch (type->kind()) {
    case TypeKind::OptionalType:
      if (isMissing(env, value)) return IValue();
      return toIValue(env, value, argument, type->expectRef<c10::OptionalType>().getElementType());
    case TypeKind::TensorType:
      // An operator given a number for a Tensor gets a zero-dimensional one, as in Python.
      if (typeOf(env, value) == napi_number) return IValue(at::scalar_tensor(toScalar(env, value)));
      return unwrap(env, value);
    case TypeKind::ListType:
      return toList(env, value, argument, type->expectRef<c10::ListType>().getElementType());
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return toIntegerOrCode(env, value, argument);
    case TypeKind::FloatType:
      return toDouble(env, value);
    case TypeKind::BoolType:
      return toBool(env, value);
    case TypeKind::NumberType:
      return toScalar(env, value);
    case TypeKind::StringType:
      return toString(env, value);
    case TypeKind::DeviceObjType:
      return c10::Device(toString(env, value));
    case TypeKind::GeneratorType:
      return IValue();
    default:
      return toIntegerOrCode(env, value, argument);
  }
}

IValue toArgument(napi_env env, napi_value value, const c10::Argument& argument) {
  if (typeOf(env, value) == napi_undefined) {
    if (argument.default_value()) return *argument.default_value();
    if (argument.type()->kind() == TypeKind::OptionalType) return IValue();
    throw std::invalid_argument("argument '" + argument.name() + "' is missing");
  }
  try {
    return toIValue(env, value, argument, argument.type());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("argument '" + argument.name() + "' (" + argument.type()->str() + "): " + error.what());
  }
}

napi_value fromIValue(napi_env env, const IValue& value);

template <typename Items>
napi_value fromItems(napi_env env, const Items& items) {
  napi_value array;
  check(env, napi_create_array_with_length(env, items.size(), &array));
  uint32_t index = 0;
  for (const auto& item : items) check(env, napi_set_element(env, array, index++, fromIValue(env, IValue(item))));
  return array;
}

napi_value fromIValue(napi_env env, const IValue& value) {
  if (value.isTensor()) return wrap(env, value.toTensor());
  if (value.isNone()) return undefined(env);
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isInt()) return fromDouble(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return fromDouble(env, value.toDouble());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isTuple()) return fromItems(env, value.toTupleRef().elements());
  if (value.isTensorList()) return fromItems(env, value.toTensorVector());
  if (value.isList()) return fromItems(env, value.toListRef().vec());
  if (value.isScalar()) return fromDouble(env, value.toScalar().toDouble());
  throw std::runtime_error("results of kind " + value.tagKind() + " are not supported");
}

const c10::OperatorHandle& operatorAt(napi_env env, napi_value index) {
  const int64_t position = toInteger(env, index);
  if (position < 0 || position >= static_cast<int64_t>(operators().size())) throw std::out_of_range("no such operator");
  return operators()[position];
}

napi_value describeArgument(napi_env env, const c10::Argument& argument) {
  napi_value object;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "name", fromString(env, argument.name()));
  setProperty(env, object, "type", fromString(env, argument.type()->str()));
  setProperty(env, object, "hasDefault", fromBool(env, argument.default_value().has_value()));
  setProperty(env, object, "keywordOnly", fromBool(env, argument.kwarg_only()));
  return object;
}

template <typename List>
napi_value describeArguments(napi_env env, const List& list) {
  napi_value array;
  check(env, napi_create_array(env, &array));
  uint32_t index = 0;
  for (const c10::Argument& argument : list) check(env, napi_set_element(env, array, index++, describeArgument(env, argument)));
  return array;
}

}  // namespace

napi_value findOperator(napi_env env, const Arguments& arguments) {
  const auto found = c10::Dispatcher::singleton().findSchema({toString(env, arguments[0]), toString(env, arguments[1])});
  if (!found) return fromDouble(env, -1);
  operators().push_back(*found);
  return fromDouble(env, static_cast<double>(operators().size() - 1));
}

napi_value callOperator(napi_env env, const Arguments& arguments) {
  const c10::OperatorHandle& handle = operatorAt(env, arguments[0]);
  const auto& parameters = handle.schema().arguments();
  const uint32_t given = arrayLength(env, arguments[1]);
  if (given > parameters.size()) {
    throw std::invalid_argument("takes " + std::to_string(parameters.size()) + " arguments, got " + std::to_string(given));
  }
  torch::jit::Stack stack;
  stack.reserve(parameters.size());
  const napi_value nothing = undefined(env);
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    stack.push_back(toArgument(env, i < given ? element(env, arguments[1], i) : nothing, parameters[i]));
  }
  handle.callBoxed(&stack);
  if (stack.empty()) return nothing;
  if (stack.size() == 1) return fromIValue(env, stack.front());
  return fromItems(env, stack);
}

napi_value operatorNames(napi_env env, const Arguments& arguments) {
  const std::string prefix = toString(env, arguments[0]) + "::";
  napi_value array;
  check(env, napi_create_array(env, &array));
  uint32_t count = 0;
  for (const auto& known : c10::Dispatcher::singleton().getAllOpNames()) {
    if (known.name.compare(0, prefix.size(), prefix) == 0) check(env, napi_set_element(env, array, count++, fromString(env, known.name)));
  }
  return array;
}

napi_value operatorSchemas(napi_env env, const Arguments& arguments) {
  const std::string name = toString(env, arguments[0]);
  napi_value array;
  check(env, napi_create_array(env, &array));
  uint32_t count = 0;
  for (const auto& operatorName : c10::Dispatcher::singleton().getAllOpNames()) {
    if (operatorName.name != name) continue;
    const auto found = c10::Dispatcher::singleton().findSchema(operatorName);
    if (!found) continue;
    const auto& schema = found->schema();
    std::ostringstream text;
    text << schema;
    napi_value object;
    check(env, napi_create_object(env, &object));
    setProperty(env, object, "overload", fromString(env, operatorName.overload_name));
    setProperty(env, object, "text", fromString(env, text.str()));
    setProperty(env, object, "arguments", describeArguments(env, schema.arguments()));
    setProperty(env, object, "returns", describeArguments(env, schema.returns()));
    check(env, napi_set_element(env, array, count++, object));
  }
  return array;
}

}  // namespace bridge
