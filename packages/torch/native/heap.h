// Memory for tensors, kept when it is freed and given out again. Blocks lie next to each other in large mappings, are split
// to fit and joined with their neighbours when they are free. Pages that the system has not provided yet, or was given back,
// are told from those that it has, so that how much memory is held is known. It knows nothing about tensors and threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bridge {

/// Bytes are those of whole blocks: rounded up, and with a header.
struct HeapStatistics {
  int64_t bytesInUse = 0;
  /// In use, and free but not given back to the system.
  int64_t bytesHeld = 0;
  int64_t peakBytesInUse = 0;
  int64_t peakBytesHeld = 0;
  /// Each was served either from memory that was freed before or from pages that the system had to provide.
  int64_t fromCache = 0;
  int64_t fromSystem = 0;
};

class Pool;
struct Block;

/// Free blocks by size. A size class is a sixteenth of a power of two wide.
class Bins {
 public:
  void insert(Block* block);
  void remove(Block* block);
  /// The block freed last of the smallest class that fits; null if none does. @param size as rounded by `blockSize`
  Block* find(size_t size) const;
  /// A block of the largest class, null if all are empty.
  Block* largest() const;

 private:
  static constexpr int count = 640, words = count / 64;
  Block* first_[count] = {};
  uint64_t occupied_[words] = {};
};

/// Blocks of similar lifetimes and sizes, in mappings of their own.
class Pool {
 public:
  Pool(size_t regionSize, size_t smallestBlock) : regionSize_(regionSize), smallestBlock_(smallestBlock) {}
  /// A block of memory that was freed before; null if there is none that is large enough.
  Block* takeKept(size_t size);
  /// A block of pages that are not there yet; null if the system refuses.
  Block* takeFresh(size_t size);
  void give(Block* block);
  /// Gives the pages of one of the largest free blocks back to the system. @returns its size, 0 when no block has whole pages
  size_t releaseLargest();

 private:
  Block* take(Bins& bins, size_t size);
  bool map(size_t size);
  Block* join(Block* block, Bins& bins);

  const size_t regionSize_, smallestBlock_;
  Bins kept_, fresh_;
};

class Heap {
 public:
  /// Memory at a multiple of 64 bytes; null if the system gives none even after all that is free was given back.
  void* allocate(size_t bytes);
  void free(void* data);
  /// Gives all free memory back to the system.
  void releaseFree();
  void resetPeaks();
  const HeapStatistics& statistics() const { return statistics_; }

 private:
  void makeRoomFor(size_t size);
  bool releaseSome();

  /// Small blocks, many of which stay, would cut the space of large ones into pieces.
  Pool small_{size_t{32} << 20, 128}, large_{size_t{256} << 20, size_t{64} << 10};
  HeapStatistics statistics_;
};

}  // namespace bridge
