// How many threads compute.
#pragma once

namespace pals {

/// Has LibTorch compute with so many threads, and warns of more than this process has cores. 0
/// leaves its choice.
void use_threads(int threads);

/// Has what this thread starts compute with so many threads, and leaves the process's other threads
/// alone; 0: as many as LibTorch chose when this was first called. For a library, which is not
/// alone in its process.
void use_threads_here(int threads);

}  // namespace pals
