#include "heap.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace bridge {

namespace {

constexpr size_t alignment = 64;
constexpr size_t hugePage = size_t{2} << 20;
constexpr size_t largeRequest = size_t{64} << 10;
/// More than any machine has; keeps the arithmetic on sizes from overflowing.
constexpr size_t impossibleRequest = size_t{1} << 46;
/// A class is 1 / 2^stepBits of a power of two wide.
constexpr int stepBits = 4;

enum class State : uint8_t { used, kept, fresh };

size_t roundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

int log2Floor(size_t number) { return 63 - __builtin_clzll(number); }

/// Classes of `units` are 2^shift units wide.
int classShift(size_t units) { return std::max(log2Floor(units) - stepBits, 0); }

int classOf(size_t size) {
  const size_t units = size / alignment;
  const int shift = classShift(units);
  return (shift << stepBits) + static_cast<int>(units >> shift);
}

}  // namespace

/// Lies before the memory that it describes.
struct alignas(alignment) Block {
  /// With this header.
  size_t size;
  Pool* pool;
  /// The neighbour in front, null at the start of a region.
  Block* before;
  /// In the list of a bin, while it is free.
  Block *next, *previous;
  State state;
  /// Whether the region ends behind it.
  bool last;

  char* start() { return reinterpret_cast<char*>(this); }
  char* end() { return start() + size; }
  Block* after() { return last ? nullptr : reinterpret_cast<Block*>(end()); }
};
static_assert(sizeof(Block) == alignment, "memory behind a header must stay aligned");

namespace {

/// Bytes of a block for so many bytes of memory: the smallest size of a class, so that any block of that class fits.
size_t blockSize(size_t bytes) {
  const size_t size = roundUp(bytes + sizeof(Block), alignment);
  return roundUp(size, alignment << classShift(size / alignment));
}

/// Makes what lies behind the first `size` bytes a block of its own.
Block* cut(Block* block, size_t size) {
  auto* rest = reinterpret_cast<Block*>(block->start() + size);
  *rest = {block->size - size, block->pool, block, nullptr, nullptr, block->state, block->last};
  if (Block* after = rest->after()) after->before = rest;
  block->size = size;
  block->last = false;
  return rest;
}

/// Joins a block with the one behind it.
void absorb(Block* block, Block* after) {
  block->size += after->size;
  block->last = after->last;
  if (Block* beyond = block->after()) beyond->before = block;
}

/// The whole pages behind a block's header.
struct Pages {
  char *from, *to;
};

Pages pagesOf(Block* block) {
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto first = roundUp(reinterpret_cast<size_t>(block->start() + sizeof(Block)), page);
  const auto last = reinterpret_cast<size_t>(block->end()) / page * page;
  return {reinterpret_cast<char*>(first), reinterpret_cast<char*>(std::max(first, last))};
}

}  // namespace

void Bins::insert(Block* block) {
  const int bin = classOf(block->size);
  block->previous = nullptr;
  block->next = first_[bin];
  if (block->next) block->next->previous = block;
  first_[bin] = block;
  occupied_[bin / 64] |= uint64_t{1} << bin % 64;
}

void Bins::remove(Block* block) {
  const int bin = classOf(block->size);
  if (block->next) block->next->previous = block->previous;
  if (block->previous) {
    block->previous->next = block->next;
  } else {
    first_[bin] = block->next;
  }
  if (!first_[bin]) occupied_[bin / 64] &= ~(uint64_t{1} << bin % 64);
}

Block* Bins::find(size_t size) const {
  const int bin = classOf(size);
  uint64_t wanted = ~uint64_t{0} << bin % 64;
  for (int word = bin / 64; word < words; ++word, wanted = ~uint64_t{0}) {
    if (const uint64_t fitting = occupied_[word] & wanted) return first_[word * 64 + __builtin_ctzll(fitting)];
  }
  return nullptr;
}

Block* Bins::largest() const {
  for (int word = words - 1; word >= 0; --word) {
    if (occupied_[word]) return first_[word * 64 + log2Floor(occupied_[word])];
  }
  return nullptr;
}

Block* Pool::takeKept(size_t size) { return take(kept_, size); }

Block* Pool::takeFresh(size_t size) {
  if (Block* block = take(fresh_, size)) return block;
  // Where address space is scarce, a region that is no larger than it must be may still be had.
  const bool mapped = map(std::max(regionSize_, roundUp(size, hugePage))) || map(roundUp(size, hugePage));
  return mapped ? take(fresh_, size) : nullptr;
}

Block* Pool::take(Bins& bins, size_t size) {
  Block* block = bins.find(size);
  if (!block) return nullptr;
  bins.remove(block);
  if (block->size - size >= smallestBlock_) bins.insert(cut(block, size));
  block->state = State::used;
  return block;
}

bool Pool::map(size_t size) {
  void* region = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED) return false;
#if defined(MADV_HUGEPAGE)
  madvise(region, size, MADV_HUGEPAGE);
#endif
  auto* block = static_cast<Block*>(region);
  *block = {size, this, nullptr, nullptr, nullptr, State::fresh, true};
  fresh_.insert(block);
  return true;
}

void Pool::give(Block* block) {
  block->state = State::kept;
  kept_.insert(join(block, kept_));
}

/// Joins a block that is in no bin with its free neighbours, which `bins` holds.
Block* Pool::join(Block* block, Bins& bins) {
  Block* after = block->after();
  if (after && after->state == block->state) {
    bins.remove(after);
    absorb(block, after);
  }
  Block* before = block->before;
  if (!before || before->state != block->state) return block;
  bins.remove(before);
  absorb(before, block);
  return before;
}

size_t Pool::releaseLargest() {
  Block* block = kept_.largest();
  if (!block) return 0;
  const Pages pages = pagesOf(block);
  if (pages.from == pages.to) return 0;
  const size_t size = block->size;
  kept_.remove(block);
  madvise(pages.from, pages.to - pages.from, MADV_DONTNEED);
  block->state = State::fresh;
  block = join(block, fresh_);
  if (!block->before && block->last) {
    munmap(block, block->size);
  } else {
    fresh_.insert(block);
  }
  return size;
}

void* Heap::allocate(size_t bytes) {
  if (bytes >= impossibleRequest) return nullptr;
  const size_t size = blockSize(bytes);
  Pool& pool = bytes < largeRequest ? small_ : large_;
  Block* block = pool.takeKept(size);
  if (block) {
    statistics_.fromCache += 1;
  } else {
    makeRoomFor(size);
    block = pool.takeFresh(size);
    if (!block) {
      releaseFree();
      block = pool.takeFresh(size);
    }
    if (!block) return nullptr;
    statistics_.fromSystem += 1;
    statistics_.bytesHeld += block->size;
    statistics_.peakBytesHeld = std::max(statistics_.peakBytesHeld, statistics_.bytesHeld);
  }
  statistics_.bytesInUse += block->size;
  statistics_.peakBytesInUse = std::max(statistics_.peakBytesInUse, statistics_.bytesInUse);
  return block + 1;
}

void Heap::free(void* data) {
  Block* block = static_cast<Block*>(data) - 1;
  statistics_.bytesInUse -= block->size;
  block->pool->give(block);
}

/// Before memory is asked of the system: what is held stays within five quarters of the most that was ever in use.
void Heap::makeRoomFor(size_t size) {
  const auto needed = static_cast<int64_t>(size);
  const int64_t most = std::max(statistics_.peakBytesInUse, statistics_.bytesInUse + needed);
  while (statistics_.bytesHeld + needed > most / 4 * 5 && releaseSome()) {
  }
}

bool Heap::releaseSome() {
  size_t released = large_.releaseLargest();
  if (released == 0) released = small_.releaseLargest();
  statistics_.bytesHeld -= released;
  return released > 0;
}

void Heap::releaseFree() {
  while (releaseSome()) {
  }
}

void Heap::resetPeaks() {
  statistics_.peakBytesInUse = statistics_.bytesInUse;
  statistics_.peakBytesHeld = statistics_.bytesHeld;
}

}  // namespace bridge
