// Runs CUDA kernels that a C++ compiler has compiled, on the CPU, for tests: the words of the
// language, and blocks of threads as fibers, one block at a time.
//
// Fibers run until they wait for each other, in an order that a test can turn round, so that a
// result that depends on the order (a barrier that is missing) shows. Shared memory starts as NaN
// in every block and ends at a page that cannot be touched; asynchronous copies arrive when they
// are waited for and not before; wide accesses must be aligned. What the language forbids, run()
// throws: threads that wait at different barriers, or for lanes that have ended.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace pals::emulator {

struct Index3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Index3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct LaunchShape {
  Index3 grid, block;
  size_t shared_bytes = 0;
};

/// Calls `kernel` as each thread of each block. Throws std::runtime_error on what is wrong in it.
void run(const LaunchShape& shape, const std::function<void()>& kernel);

/// The order in which waiting threads go on: from the first, or from the last.
enum class Order { kAscending, kDescending };
void set_order(Order order);

/// The running block's dynamic shared memory.
void* shared_bytes();

void synchronize_block(const char* file, int line);

/// Ends a kernel with an error.
[[noreturn]] void fail_kernel(const char* what, const char* file, int line);

/// What one lane brings to an operation of its warp, and takes from it.
struct Lane {
  const void* in = nullptr;
  void* out = nullptr;
};

/// Waits until all lanes of the warp have come to the same operation, which the last one does for
/// all.
using WarpOperation = void (*)(Lane* lanes);
void with_warp(WarpOperation operation, const Lane& lane, const char* file, int line);

/// Has `bytes` copied (the first `from_bytes` of them, the rest 0) when this thread waits for its
/// copies.
void copy_later(void* to, const void* from, size_t bytes, size_t from_bytes);
void finish_copies();

void check_aligned(const void* address, size_t alignment, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE());

float half_to_float(uint16_t bits);
uint16_t float_to_half(float x);
uint16_t float_to_bfloat16(float x);

inline float bits_to_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

}  // namespace pals::emulator

// --- The words of CUDA ---
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): their names are CUDA's

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

using dim3 = pals::emulator::Index3;
extern pals::emulator::Index3 threadIdx, blockIdx, blockDim, gridDim;

inline float __uint_as_float(uint32_t bits) { return pals::emulator::bits_to_float(bits); }

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  pals::emulator::synchronize_block(file, line);
}

inline void __syncwarp(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  pals::emulator::with_warp([](pals::emulator::Lane*) {}, {}, file, line);
}

template <typename T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int distance, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  struct In {
    T value;
    int distance;
  };
  const In in = {value, distance};
  T out;
  pals::emulator::with_warp(
      [](pals::emulator::Lane* lanes) {
        for (int lane = 0; lane < 32; ++lane) {
          const auto& mine = *static_cast<const In*>(lanes[lane].in);
          const auto& other = *static_cast<const In*>(lanes[lane ^ mine.distance].in);
          *static_cast<T*>(lanes[lane].out) = other.value;
        }
      },
      {&in, &out}, file, line);
  return out;
}

inline unsigned __ballot_sync(unsigned /*mask*/, int predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  unsigned out = 0;
  pals::emulator::with_warp(
      [](pals::emulator::Lane* lanes) {
        unsigned votes = 0;
        for (unsigned lane = 0; lane < 32; ++lane) {
          votes |= (*static_cast<const int*>(lanes[lane].in) != 0 ? 1U : 0U) << lane;
        }
        for (int lane = 0; lane < 32; ++lane) *static_cast<unsigned*>(lanes[lane].out) = votes;
      },
      {&predicate, &out}, file, line);
  return out;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }

// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
