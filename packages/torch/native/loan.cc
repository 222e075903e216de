// A lent ArrayBuffer holds the memory that it shows: meanwhile the tensor may be disposed of, or be given other memory.
#include "loan.h"

#include <ATen/core/Tensor.h>

#include <memory>

#include "handle.h"

namespace bridge {

namespace {

/// Memory that belongs to a storage and to those who were lent it.
using SharedMemory = std::shared_ptr<c10::DataPtr>;

void release(void* memory) { delete static_cast<SharedMemory*>(memory); }

/// A storage frees its memory when the last tensor goes, and when a tensor is resized. From the first loan on it shares it.
SharedMemory share(c10::StorageImpl* storage) {
  const c10::DataPtr& owned = storage->data_ptr();
  if (owned.get_deleter() == release) return *static_cast<SharedMemory*>(owned.get_context());
  void* const data = owned.get();
  const c10::Device device = owned.device();
  const auto memory = std::make_shared<c10::DataPtr>();
  *memory = storage->set_data_ptr(c10::DataPtr(data, new SharedMemory(memory), release, device));
  return memory;
}

struct Loan {
  SharedMemory memory;
};

/// The memory's end of a loan and the buffer's: the former goes with the memory wherever that is moved, the latter ends the loan at once.
using SharedLoan = std::shared_ptr<Loan>;

void finalize(napi_env, void*, void* loan) { delete static_cast<SharedLoan*>(loan); }
void finalizeBuffer(napi_env, void* loan, void*) { delete static_cast<SharedLoan*>(loan); }

/// lend(tensor) → ArrayBuffer of the tensor's own memory, of use until it is taken back; null where its elements are not on the CPU one after
/// another.
napi_value lend(napi_env env, const Arguments& arguments) {
  const at::Tensor& tensor = unwrap(env, arguments[0]);
  napi_value buffer;
  const bool strided = tensor.layout() == at::kStrided && tensor.is_cpu() && !tensor.is_neg() && !tensor.is_conj();
  if (!strided || !tensor.is_contiguous() || tensor.nbytes() == 0) {
    check(env, napi_get_null(env, &buffer));
    return buffer;
  }
  auto memorys = std::make_unique<SharedLoan>(std::make_shared<Loan>(Loan{share(tensor.storage().unsafeGetStorageImpl())}));
  auto buffers = std::make_unique<SharedLoan>(*memorys);
  check(env, napi_create_external_arraybuffer(env, tensor.data_ptr(), tensor.nbytes(), finalize, memorys.get(), &buffer));
  memorys.release();
  check(env, napi_wrap(env, buffer, buffers.get(), finalizeBuffer, nullptr, nullptr));
  buffers.release();
  return buffer;
}

/// takeBack(buffer): from now on it is empty.
napi_value takeBack(napi_env env, const Arguments& arguments) {
  bool isBuffer = false;
  bool moved = false;
  check(env, napi_is_arraybuffer(env, arguments[0], &isBuffer));
  void* wrapped = nullptr;
  if (!isBuffer || napi_remove_wrap(env, arguments[0], &wrapped) != napi_ok) throw std::invalid_argument("expected an ArrayBuffer that lend made, and that was not taken back");
  const std::unique_ptr<SharedLoan> loan(static_cast<SharedLoan*>(wrapped));
  check(env, napi_is_detached_arraybuffer(env, arguments[0], &moved));
  if (moved) return undefined(env);  // whoever has the memory now holds it
  check(env, napi_detach_arraybuffer(env, arguments[0]));
  (*loan)->memory.reset();
  return undefined(env);
}

}  // namespace

void defineLoans(napi_env env, napi_value exports) {
  define<lend>(env, exports, "lend");
  define<takeBack>(env, exports, "takeBack");
}

}  // namespace bridge
