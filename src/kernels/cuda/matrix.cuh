// The tensor cores' 16 x 8 x 16 product, and the loads of its operands from shared memory.
//
// A warp holds each matrix in registers, as the PTX ISA lays it out: with g = lane / 4 and t = lane
// % 4, C [16, 8] fp32: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1); A [16, 16], pairs: (g,
// 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..); B [16, 8], pairs down a column: (2t..,
// g), (2t + 8.., g).
#pragma once

#include <type_traits>

#include "kernels/cuda/numbers.cuh"
#ifndef __CUDACC__
#include "kernels/cuda/emulator/matrix.h"
#endif

namespace pals::cuda {

/// Four 8 x 8 matrices of 2-byte numbers: lanes 8i to 8i + 7 bring the addresses of the rows of
/// matrix i (16 bytes each), and lane l takes numbers 2 (l % 4) and the next of row l / 4 of each.
__device__ inline void load_matrices(uint32_t (&out)[4], const void* row) {
#ifdef __CUDACC__
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
#else
  emulator::load_matrices(out, row, false);
#endif
}

/// The same of the transposed matrices.
__device__ inline void load_transposed(uint32_t (&out)[4], const void* row) {
#ifdef __CUDACC__
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
#else
  emulator::load_matrices(out, row, true);
#endif
}

/// c += a b.
template <typename T>
__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                    uint32_t b1) {
#ifdef __CUDACC__
  if constexpr (std::is_same_v<T, Bf16>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
#else
  emulator::multiply_add(c, a, b0, b1, [](uint16_t bits) { return to_float(T{bits}); });
#endif
}

/// Begins to copy kBytes (4 or 16) into shared memory; zeros where `exists` is false. Visible to
/// this thread after wait_for_copies(), to others after a barrier behind it.
template <int kBytes>
__device__ inline void copy_async(void* to, const void* from, bool exists) {
#ifdef __CUDACC__
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  const int bytes = exists ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from),
                 "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(from),
                 "r"(bytes)
                 : "memory");
  }
#else
  emulator::copy_later(to, from, kBytes, exists ? kBytes : 0);
#endif
}

__device__ inline void wait_for_copies() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_all;" ::: "memory");
#else
  emulator::finish_copies();
#endif
}

}  // namespace pals::cuda
