// How many threads compute.
#pragma once

#include <pals/error.h>

namespace pals::api {

/// Has what the calling thread starts compute on the CPU with so many threads, and leaves the
/// process's other threads alone; 0: LibTorch's choice. Threads belong to the thread that starts
/// them: one is to load a model and to use it. UsageError for numbers below 0 or above 1024.
void use_threads(int threads);

}  // namespace pals::api
