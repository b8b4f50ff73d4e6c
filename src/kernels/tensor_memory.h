// The memory of tensors on the CPU.
#pragma once

#include <cstddef>

namespace pals {

/// Tensors smaller than this stay with LibTorch's own allocator.
constexpr size_t kSmallestInRegion = size_t{64} << 10;

/// Has LibTorch take the memory of large tensors out of a Region (base/region.h) from now on, for
/// the rest of the process: activations come and go with every layer and have other sizes in every
/// step, for which the C library finds ever new places. For programs, which own their process; does
/// nothing the second time, and under the address sanitizer, which shall see every block by itself.
void keep_tensor_memory();

/// Gives the pages that no tensor lies on back to the system.
void release_tensor_memory();

}  // namespace pals
