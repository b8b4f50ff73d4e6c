// A loop over independent pieces of work on a few threads.
#pragma once

#include <cstdint>
#include <functional>

namespace pals {

/// The number of threads that a `threads` option stands for: itself, or all cores for 0.
int resolve_threads(int threads);

/// Calls body(i) for each i in [0, count), on up to `threads` threads (0: all cores), the calling
/// one among them, in no particular order. After an exception no new calls start; of those thrown,
/// the one with the lowest i is thrown again when all threads are done.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body);

}  // namespace pals
