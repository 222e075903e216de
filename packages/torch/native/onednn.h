// What every use of oneDNN shares: its engine and stream, memory of tensors, weights brought to a primitive's layout, scratch
// memory, and a cache of what was made for shapes seen before. The build defines YOLOV9_ONEDNN where the headers were found.
#pragma once

#if defined(YOLOV9_ONEDNN)
#include <ATen/ATen.h>

#include <dnnl.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "packed-weights.h"

namespace bridge {

inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

/// oneDNN's name of float32 or bfloat16.
inline dnnl::memory::data_type dataType(at::ScalarType type) {
  return type == at::kBFloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

/// Primitives take their scratch memory from us, who keep it from call to call.
inline dnnl::primitive_attr ownScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

/// A tensor's memory, not owned.
inline dnnl::memory memoryOf(const dnnl::memory::desc& description, const at::Tensor& tensor) {
  return {description, engine(), tensor.data_ptr()};
}

/// One call: runs primitives on a thread's stream, with scratch memory that grows to what was needed most.
class Execution {
 public:
  explicit Execution(const dnnl::memory::desc& scratchpad)
      : scratchpad_(scratchpad, engine(), reserve(pool().scratchpad, scratchpad.get_size())) {}

  /// Memory that holds its content until the end of this call; `slot` tells those that are alive together apart.
  dnnl::memory temporary(const dnnl::memory::desc& description, size_t slot = 0) {
    return {description, engine(), reserve(pool().temporaries[slot], description.get_size())};
  }

  void run(const dnnl::primitive& primitive, std::unordered_map<int, dnnl::memory> arguments) {
    arguments.emplace(DNNL_ARG_SCRATCHPAD, scratchpad_);
    primitive.execute(stream(), arguments);
  }

  void reorder(const dnnl::reorder& primitive, dnnl::memory from, dnnl::memory to) { primitive.execute(stream(), from, to); }

 private:
  struct Pool {
    at::Tensor scratchpad, temporaries[2];
  };
  static Pool& pool() {
    static thread_local Pool pool;
    return pool;
  }
  static dnnl::stream& stream() {
    static thread_local dnnl::stream stream(engine());
    return stream;
  }
  static void* reserve(at::Tensor& buffer, size_t bytes) {
    if (!buffer.defined() || static_cast<size_t>(buffer.numel()) < bytes) {
      buffer = at::empty({static_cast<int64_t>(bytes)}, at::TensorOptions().dtype(at::kByte));
    }
    return buffer.data_ptr();
  }

  dnnl::memory scratchpad_;
};

/// Brings float32 weights to the layout and type that a primitive wants.
class WeightReorder {
 public:
  WeightReorder() = default;
  WeightReorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to) : from_(from), to_(to) {
    if (from != to) primitive_ = dnnl::reorder({engine(), from, engine(), to});
  }

  dnnl::memory apply(const at::Tensor& weight, Execution& execution) const {
    const dnnl::memory given = memoryOf(from_, weight);
    if (!primitive_) return given;
    const dnnl::memory packed = execution.temporary(to_);
    execution.reorder(primitive_, given, packed);
    return packed;
  }

  /// The same, remembered until the weight changes.
  dnnl::memory applyOnce(const at::Tensor& weight, Execution& execution) const {
    static thread_local PackedWeights<dnnl::memory::desc> kept;
    const dnnl::memory given = memoryOf(from_, weight);
    if (!primitive_) return given;
    const auto inLayout = [&](void* packed) { return dnnl::memory(to_, engine(), packed); };
    const auto reorder = [&](void* packed) { execution.reorder(primitive_, given, inLayout(packed)); };
    return inLayout(kept.find(weight, to_, static_cast<int64_t>(to_.get_size()), reorder));
  }

 private:
  dnnl::memory::desc from_, to_;
  dnnl::reorder primitive_;
};

/// The numbers that make a primitive what it is.
class PrimitiveKey {
 public:
  PrimitiveKey& add(at::IntArrayRef numbers) {
    text_.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int64_t));
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Primitives by key. Each holds some hundred kilobytes of code, and training at ever new image sizes must not fill memory: what was not asked
/// for since the last generation began is forgotten when the next one begins.
template <typename Value>
class PrimitiveCache {
 public:
  /// @returns null where oneDNN refuses to make it; valid until the next call
  template <typename Make>
  Value* find(const PrimitiveKey& key, const Make& make) {
    const auto found = young_.find(key.text());
    if (found != young_.end()) return found->second.get();
    if (young_.size() >= generation) {
      old_ = std::move(young_);
      young_.clear();
    }
    const auto before = old_.find(key.text());
    std::unique_ptr<Value> value;
    if (before != old_.end()) {
      value = std::move(before->second);
      old_.erase(before);
    } else {
      try {
        value = make();
      } catch (const dnnl::error&) {
        // remembered as null
      }
    }
    return young_.emplace(key.text(), std::move(value)).first->second.get();
  }

 private:
  static constexpr size_t generation = 2048;
  std::unordered_map<std::string, std::unique_ptr<Value>> young_, old_;
};

}  // namespace bridge
#endif
