// How many threads compute.
#pragma once

namespace pals {

/// Has LibTorch compute with so many threads, and warns of more than this process has cores. 0
/// leaves its choice.
void use_threads(int threads);

}  // namespace pals
