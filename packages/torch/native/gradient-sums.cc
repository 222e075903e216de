#include "gradient-sums.h"

#include <mutex>
#include <unordered_map>

namespace bridge {

namespace {

/// By memory, not by tensor: autograd hands the memory of a gradient on in another tensor.
class Notes {
 public:
  void write(const at::Tensor& gradient, double sum) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (notes_.size() > 2 * alive_ + 64) forgetDead();
    c10::StorageImpl* storage = gradient.storage().unsafeGetStorageImpl();
    notes_.insert_or_assign(storage, Note{Owner(gradient.storage().getWeakStorageImpl()), gradient._version(), gradient.numel(), sum});
  }

  c10::optional<double> read(const at::Tensor& gradient) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = notes_.find(gradient.storage().unsafeGetStorageImpl());
    if (found == notes_.end()) return c10::nullopt;
    const Note& note = found->second;
    const bool current = !note.owner.expired() && note.version == gradient._version() && note.size == gradient.numel();
    return current ? c10::optional<double>(note.sum) : c10::nullopt;
  }

 private:
  using Owner = c10::weak_intrusive_ptr<c10::StorageImpl>;
  struct Note {
    Owner owner;
    int64_t version, size;
    double sum;
  };

  void forgetDead() {
    for (auto note = notes_.begin(); note != notes_.end();) note = note->second.owner.expired() ? notes_.erase(note) : std::next(note);
    alive_ = notes_.size();
  }

  std::mutex mutex_;
  std::unordered_map<const c10::StorageImpl*, Note> notes_;
  size_t alive_ = 0;
};

/// Of all threads: backward passes may run in others than the optimiser.
Notes& notes() {
  static Notes all;
  return all;
}

}  // namespace

void noteSumOfSquares(const at::Tensor& gradient, double sum) { notes().write(gradient, sum); }

c10::optional<double> notedSumOfSquares(const at::Tensor& gradient) { return notes().read(gradient); }

}  // namespace bridge
