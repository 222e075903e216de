// The names by which JavaScript speaks of libtorch's enumerations.
#pragma once

#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace bridge {

struct ScalarTypeName {
  const char* name;
  c10::ScalarType type;
};

inline constexpr ScalarTypeName scalarTypeNames[] = {
    {"float32", c10::ScalarType::Float},   {"float64", c10::ScalarType::Double}, {"float16", c10::ScalarType::Half},
    {"bfloat16", c10::ScalarType::BFloat16}, {"int64", c10::ScalarType::Long},     {"int32", c10::ScalarType::Int},
    {"int16", c10::ScalarType::Short},     {"int8", c10::ScalarType::Char},      {"uint8", c10::ScalarType::Byte},
    {"bool", c10::ScalarType::Bool},
};

c10::ScalarType scalarTypeFromName(const std::string& name);
std::string nameOfScalarType(c10::ScalarType type);
c10::MemoryFormat memoryFormatFromName(const std::string& name);
c10::Layout layoutFromName(const std::string& name);

}  // namespace bridge
