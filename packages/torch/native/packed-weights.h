// Weights in the layout of a kernel, remembered from call to call.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <unordered_map>
#include <vector>

namespace bridge {

/// Weights in a layout, kept as long as the tensor that they are of lives and does not change.
template <typename Layout>
class PackedWeights {
 public:
  /// @returns memory of `bytes` that `pack(memory)` has filled, now or before
  template <typename Pack>
  void* find(const at::Tensor& weight, const Layout& layout, int64_t bytes, const Pack& pack) {
    if (entries_.size() > 2 * lastSize_ + 64) forgetDead();
    Entry& entry = entries_[weight.unsafeGetTensorImpl()];
    // A tensor that was given other sizes or other memory keeps its version.
    const bool current = entry.owner && !entry.owner->expired() && entry.version == weight._version() && entry.data == weight.data_ptr() &&
                         weight.sizes() == entry.sizes && entry.layout == layout && entry.packed.numel() == bytes;
    if (!current) {
      entry = {std::make_unique<Owner>(weight.getIntrusivePtr()), static_cast<uint32_t>(weight._version()), weight.data_ptr(), weight.sizes().vec(), layout,
               at::empty({bytes}, at::TensorOptions().dtype(at::kByte))};
      pack(entry.packed.data_ptr());
    }
    return entry.packed.data_ptr();
  }

 private:
  using Owner = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  struct Entry {
    std::unique_ptr<Owner> owner;
    uint32_t version = 0;
    const void* data = nullptr;
    std::vector<int64_t> sizes;
    Layout layout;
    at::Tensor packed;
  };

  void forgetDead() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      entry = entry->second.owner->expired() ? entries_.erase(entry) : std::next(entry);
    }
    lastSize_ = entries_.size();
  }

  std::unordered_map<const c10::TensorImpl*, Entry> entries_;
  size_t lastSize_ = 0;
};

}  // namespace bridge
