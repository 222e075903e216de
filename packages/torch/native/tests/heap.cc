// Exercises the heap alone and prints what it saw as JSON; heap.test.ts compiles it, runs it and says what is expected.
#include "../heap.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <vector>

namespace {

using bridge::Heap;

constexpr size_t MB = size_t{1} << 20;
/// Free blocks without a whole page cannot be given back.
constexpr int64_t crumbs = 64 << 10;

struct Held {
  unsigned char* data;
  size_t bytes;
  unsigned char mark;
};

bool intact(const Held& held) {
  return held.data[0] == held.mark && held.data[held.bytes / 2] == held.mark && held.data[held.bytes - 1] == held.mark;
}

/// Blocks of random sizes, made and freed in random order, each filled with a mark that nobody else may overwrite.
void randomBlocks() {
  Heap heap;
  std::mt19937 random(0);
  std::vector<Held> held;
  int misaligned = 0, damaged = 0, outOfBounds = 0;
  for (int i = 0; i < 20000; ++i) {
    if (held.size() < 60 && random() % 100 < 55) {
      const size_t bytes = 1 + random() % (size_t{1} << (4 + random() % 19));
      const auto mark = static_cast<unsigned char>(i);
      auto* data = static_cast<unsigned char*>(heap.allocate(bytes));
      std::memset(data, mark, bytes);
      misaligned += reinterpret_cast<size_t>(data) % 64 != 0;
      held.push_back({data, bytes, mark});
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      damaged += !intact(held.back());
      heap.free(held.back().data);
      held.pop_back();
    }
    const auto& s = heap.statistics();
    outOfBounds += s.bytesInUse > s.bytesHeld || s.bytesHeld > s.peakBytesInUse / 4 * 5 + crumbs;
  }
  for (const Held& one : held) heap.free(one.data);
  const long long left = heap.statistics().bytesInUse;
  heap.releaseFree();
  std::printf("\"random\": {\"misaligned\": %d, \"damaged\": %d, \"outOfBounds\": %d, \"left\": %lld, \"held\": %lld},\n", misaligned, damaged, outOfBounds, left,
              static_cast<long long>(heap.statistics().bytesHeld));
}

/// The largest block, freed and asked for again, and two neighbours asked for as one.
void reuse() {
  Heap heap;
  void* first = heap.allocate(3 * MB);
  void* second = heap.allocate(3 * MB);
  void* end = heap.allocate(3 * MB);
  heap.free(second);
  const bool same = heap.allocate(3 * MB) == second;
  heap.free(first);
  heap.free(second);
  const bool joined = heap.allocate(6 * MB) == first;
  heap.free(first);
  heap.free(end);
  const auto& s = heap.statistics();
  std::printf("\"reuse\": {\"same\": %d, \"joined\": %d, \"fromCache\": %lld, \"fromSystem\": %lld},\n", same, joined, static_cast<long long>(s.fromCache),
              static_cast<long long>(s.fromSystem));
}

size_t residentMegabytes() {
  std::ifstream file("/proc/self/statm");
  size_t total, resident;
  file >> total >> resident;
  return resident * 4096 / MB;
}

/// Sizes that grow, so that nothing freed fits: what is kept of them is bounded. Sizes are those of the largest.
void growing() {
  Heap heap;
  const size_t before = residentMegabytes();
  for (size_t size = 20; size <= 60; ++size) {
    void* data = heap.allocate(size * MB);
    void* wall = heap.allocate(100 << 10);
    std::memset(data, 1, size * MB);
    heap.free(data);
    std::memset(wall, 1, 100 << 10);
  }
  const size_t grown = residentMegabytes() - before;
  const auto& s = heap.statistics();
  std::printf("\"growing\": {\"heldOverInUse\": %.3f, \"residentOverInUse\": %.3f},\n", static_cast<double>(s.peakBytesHeld) / s.peakBytesInUse,
              static_cast<double>(grown * MB) / s.peakBytesInUse);
}

/// More than 2 GiB at once, of which nothing but the ends is touched.
void huge() {
  Heap heap;
  const size_t bytes = 3000 * MB;
  auto* data = static_cast<unsigned char*>(heap.allocate(bytes));
  data[0] = data[bytes - 1] = 1;
  heap.free(data);
  std::printf("\"huge\": {\"impossible\": %d},\n", heap.allocate(SIZE_MAX - 10) == nullptr && heap.allocate(size_t{1} << 45) == nullptr);
}

/// Address space for 300 MB more: what is free must be given back before 280 MB can be had where 200 MB were.
void scarce() {
  std::ifstream file("/proc/self/statm");
  size_t pages;
  file >> pages;
  const rlimit limit{pages * 4096 + 300 * MB, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
  Heap heap;
  heap.free(heap.allocate(200 * MB));
  void* larger = heap.allocate(280 * MB);
  const bool refused = heap.allocate(1000 * MB) == nullptr;
  std::printf("\"scarce\": {\"served\": %d, \"refused\": %d}\n", larger != nullptr, refused);
}

}  // namespace

int main() {
  std::printf("{");
  randomBlocks();
  reuse();
  growing();
  huge();
  scarce();
  std::printf("}\n");
}
