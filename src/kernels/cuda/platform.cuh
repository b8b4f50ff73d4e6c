// The CUDA language as the kernels use it: from nvcc, or, where these files are compiled as C++ for
// tests, from the emulator.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#else
#include "kernels/cuda/emulator/emulator.h"
#endif

#include "kernels/cuda/kernels.h"

namespace pals::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xFFFFFFFFU;

/// The block's dynamic shared memory, aligned to 16 bytes. The kernels use no other.
template <typename T>
__device__ inline T* shared_memory() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char pals_shared_bytes[];
  return reinterpret_cast<T*>(pals_shared_bytes);
#else
  return static_cast<T*>(emulator::shared_bytes());
#endif
}

/// Starts `kernel` on a grid; an empty grid is nothing to do. Failures are CUDA's last error.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            [[maybe_unused]] Stream stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
#ifdef __CUDACC__
  constexpr size_t kWithoutAsking = 48 << 10;
  if (shared_bytes > kWithoutAsking) {
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         static_cast<int>(shared_bytes));
  }
  kernel<<<grid, block, shared_bytes, stream>>>(arguments...);
#else
  emulator::run({grid, block, shared_bytes}, [&] { kernel(arguments...); });
#endif
}

/// A number that is known when kernels are compiled.
template <int kNumber>
struct Constant {
  static constexpr int kValue = kNumber;
};

__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The sum over a warp's lanes, the same bits in all of them.
__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, distance);
  }
  return x;
}

__device__ inline float warp_max(float x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, distance));
  }
  return x;
}

/// 1 / x within 2 units in the last place; 0 for an infinite x.
__device__ inline float reciprocal(float x) {
#ifdef __CUDACC__
  return __fdividef(1.0F, x);
#else
  return 1.0F / x;
#endif
}

}  // namespace pals::cuda
