#include "allocator.h"

#include <c10/core/Allocator.h>

#include <cstring>
#include <mutex>

#include "heap.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace bridge {

namespace {

/// A heap that any thread may use. It is never destroyed: tensors may be freed after everything else.
class SharedHeap {
 public:
  template <typename Body>
  auto with(const Body& body) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return body(heap_);
  }

 private:
  std::mutex mutex_;
  Heap heap_;
};

SharedHeap& sharedHeap() {
  static auto* shared = new SharedHeap;
  return *shared;
}

std::string megabytes(double bytes) { return std::to_string(static_cast<int64_t>(bytes / 1e6 + 0.5)) + " MB"; }

void freeMemory(void* data) {
  if (!data) return;
  sharedHeap().with([&](Heap& heap) { heap.free(data); });
}

c10::DataPtr allocateMemory(size_t bytes) {
  constexpr auto device = c10::DeviceType::CPU;
  if (bytes == 0) return {nullptr, nullptr, freeMemory, device};
  HeapStatistics statistics;
  void* data = sharedHeap().with([&](Heap& heap) {
    void* memory = heap.allocate(bytes);
    statistics = heap.statistics();
    return memory;
  });
  TORCH_CHECK(data, "out of memory: a tensor of ", megabytes(bytes), " was asked for while tensors use ", megabytes(statistics.bytesInUse),
              "; the system gives no more");
  return {data, data, freeMemory, device};
}

/// Which of these methods override something depends on libtorch: version 2 copies, and lets `allocate` change the allocator.
struct CachingAllocator : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) const { return allocateMemory(bytes); }
  c10::DataPtr allocate(size_t bytes) { return allocateMemory(bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return freeMemory; }
  void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }
};

/// Above libtorch's own allocators.
constexpr uint8_t priority = 100;

/// What libraries and JavaScript's arrays take comes and goes with every step, too.
void keepFreedMemoryOfOthers() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT32_MAX);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

/// useCachingAllocator(): from now on, tensors take their memory from the heap. Those made before keep theirs.
napi_value useCachingAllocator(napi_env env, const Arguments&) {
  static auto* allocator = new CachingAllocator;
  c10::SetAllocator(c10::DeviceType::CPU, allocator, priority);
  keepFreedMemoryOfOthers();
  return undefined(env);
}

napi_value allocatorStatistics(napi_env env, const Arguments&) {
  const HeapStatistics statistics = sharedHeap().with([](Heap& heap) { return heap.statistics(); });
  napi_value object;
  check(env, napi_create_object(env, &object));
  const auto set = [&](const char* name, int64_t value) { setProperty(env, object, name, fromDouble(env, static_cast<double>(value))); };
  set("bytesInUse", statistics.bytesInUse);
  set("bytesHeld", statistics.bytesHeld);
  set("peakBytesInUse", statistics.peakBytesInUse);
  set("peakBytesHeld", statistics.peakBytesHeld);
  set("allocations", statistics.fromCache + statistics.fromSystem);
  set("fromCache", statistics.fromCache);
  set("fromSystem", statistics.fromSystem);
  return object;
}

napi_value resetPeakMemory(napi_env env, const Arguments&) {
  sharedHeap().with([](Heap& heap) { heap.resetPeaks(); });
  return undefined(env);
}

napi_value emptyCache(napi_env env, const Arguments&) {
  sharedHeap().with([](Heap& heap) { heap.releaseFree(); });
  return undefined(env);
}

}  // namespace

void defineAllocator(napi_env env, napi_value exports) {
  define<useCachingAllocator>(env, exports, "useCachingAllocator");
  define<allocatorStatistics>(env, exports, "allocatorStatistics");
  define<resetPeakMemory>(env, exports, "resetPeakMemory");
  define<emptyCache>(env, exports, "emptyCache");
}

}  // namespace bridge
