// Work cut into one part for each thread, and memory of a thread that serves from call to call.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

namespace bridge {

/// Calls body(first, last) on each thread with its part of `count`, always the same: results do not depend on which was faster.
template <typename Body>
void overParts(int64_t count, const Body& body) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count);
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) body(thread * count / threads, (thread + 1) * count / threads);
  });
}

/// @param memory static and thread_local, one for every purpose
template <typename T>
T* atLeast(std::vector<T>& memory, int64_t size) {
  if (static_cast<int64_t>(memory.size()) < size) memory.resize(size);
  return memory.data();
}

}  // namespace bridge
