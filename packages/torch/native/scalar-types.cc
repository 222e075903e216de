#include "scalar-types.h"

#include <stdexcept>

namespace bridge {

c10::ScalarType scalarTypeFromName(const std::string& name) {
  std::string known;
  for (const auto& entry : scalarTypeNames) {
    if (name == entry.name) return entry.type;
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw std::invalid_argument("unknown dtype '" + name + "' (known: " + known + ")");
}

std::string nameOfScalarType(c10::ScalarType type) {
  for (const auto& entry : scalarTypeNames) {
    if (type == entry.type) return entry.name;
  }
  return c10::toString(type);
}

c10::MemoryFormat memoryFormatFromName(const std::string& name) {
  if (name == "contiguous") return c10::MemoryFormat::Contiguous;
  if (name == "channels_last") return c10::MemoryFormat::ChannelsLast;
  if (name == "preserve") return c10::MemoryFormat::Preserve;
  throw std::invalid_argument("unknown memory format '" + name + "' (known: contiguous, channels_last, preserve)");
}

c10::Layout layoutFromName(const std::string& name) {
  if (name == "strided") return c10::Layout::Strided;
  throw std::invalid_argument("unknown layout '" + name + "' (known: strided)");
}

}  // namespace bridge
