// The emulator against the definitions of what it emulates, and on kernels that are wrong.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/matrix.cuh"

namespace pals::cuda {
namespace {

/// What running `kernel` on one block of `threads` threads throws.
std::string failure_of(unsigned threads, const std::function<void()>& kernel) {
  try {
    emulator::run({1, threads, 64}, kernel);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Emulator, EveryThreadRunsOnce) {
  std::vector<int> runs(2 * 3 * 64, 0);
  emulator::run({{2, 3, 1}, {16, 2, 2}, 0}, [&] {
    const unsigned thread = threadIdx.x + 16 * (threadIdx.y + 2 * threadIdx.z);
    runs[(blockIdx.x + 2 * blockIdx.y) * 64 + thread] += 1;
  });
  for (const int count : runs) EXPECT_EQ(count, 1);
}

TEST(Emulator, BarriersAndWarps) {
  for (const auto order : {emulator::Order::kAscending, emulator::Order::kDescending}) {
    emulator::set_order(order);
    int wrong = 0;
    emulator::run({1, 96, 96 * sizeof(int)}, [&] {
      int* shared = shared_memory<int>();
      const int me = static_cast<int>(threadIdx.x);
      for (int turn = 0; turn < 3; ++turn) {
        shared[me] = me + turn;
        __syncthreads();
        wrong += shared[95 - me] == 95 - me + turn ? 0 : 1;
        __syncthreads();
      }
      wrong += warp_sum(static_cast<float>(me % 32)) == 496.0F ? 0 : 1;
      wrong += __ballot_sync(kAllLanes, me % 2) == 0xAAAAAAAAU ? 0 : 1;
    });
    EXPECT_EQ(wrong, 0);
  }
  emulator::set_order(emulator::Order::kAscending);
}

TEST(Emulator, ThreadsThatPartWaysAreFound) {
  const std::string one = failure_of(64, [] {
    if (threadIdx.x < 32) __syncthreads();
  });
  EXPECT_NE(one.find("part ways"), std::string::npos) << one;
  const std::string two = failure_of(64, [] {
    if (threadIdx.x < 32) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  });
  EXPECT_NE(two.find("part ways"), std::string::npos) << two;
  const std::string lanes = failure_of(32, [] {
    if (threadIdx.x != 7) __syncwarp();
  });
  EXPECT_NE(lanes.find("part ways"), std::string::npos) << lanes;
  const std::string operations = failure_of(32, [] {
    if (threadIdx.x < 7) {
      __syncwarp();
    } else {
      __ballot_sync(kAllLanes, 1);
    }
  });
  EXPECT_NE(operations.find("different operations"), std::string::npos) << operations;
  EXPECT_NE(failure_of(33, [] {}).find("33 threads"), std::string::npos);
}

TEST(Emulator, SharedMemoryStartsAsNaN) {
  for (int block = 0; block < 2; ++block) {
    EXPECT_EQ(failure_of(32,
                         [] {
                           float* shared = shared_memory<float>();
                           if (!std::isnan(shared[threadIdx.x % 16]))
                             throw std::runtime_error("a number");
                           __syncwarp();
                           shared[threadIdx.x % 16] = 1.0F;
                         }),
              "");
  }
}

TEST(Emulator, AccessesMustBeAligned) {
  alignas(16) const float numbers[8] = {};
  const std::string wide = failure_of(32, [&] { load_pack<4>(numbers + 1, 4); });
  EXPECT_NE(wide.find("not aligned"), std::string::npos) << wide;
  EXPECT_EQ(failure_of(32, [&] { load_pack<4>(numbers + 1, 3); }), "");
}

TEST(Emulator, CopiesArriveWhenTheyAreWaitedFor) {
  const float numbers[4] = {1, 2, 3, 4};
  const std::string failure = failure_of(32, [&] {
    float* shared = shared_memory<float>();
    if (threadIdx.x < 4)
      copy_async<4>(shared + threadIdx.x, numbers + threadIdx.x, threadIdx.x < 3);
    __syncthreads();
    if (!std::isnan(shared[0])) throw std::runtime_error("too early");
    __syncthreads();
    wait_for_copies();
    __syncthreads();
    if (shared[0] != 1 || shared[2] != 3 || shared[3] != 0) throw std::runtime_error("wrong");
  });
  EXPECT_EQ(failure, "");
  EXPECT_NE(failure_of(32, [&] { copy_async<4>(shared_memory<float>(), numbers, true); })
                .find("without waiting"),
            std::string::npos);
}

// All 16-bit numbers one way; all that lie near the middle of two of them, and more, the other.
TEST(Emulator, NumbersOfTwoBytesAreLibTorchs) {
  const auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const auto fp16 = static_cast<float>(c10::Half(half, c10::Half::from_bits()));
    const auto bf16 = static_cast<float>(c10::BFloat16(half, c10::BFloat16::from_bits()));
    ASSERT_TRUE(same(to_float(Fp16{half}), fp16)) << bits;
    ASSERT_TRUE(same(to_float(Bf16{half}), bf16)) << bits;
    for (const uint32_t low : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      const float x = emulator::bits_to_float(bits << 16 | low);
      ASSERT_TRUE(same(to_float(narrow<Bf16>(x)), static_cast<float>(c10::BFloat16(x)))) << x;
      ASSERT_TRUE(same(to_float(narrow<Fp16>(x)), static_cast<float>(c10::Half(x)))) << x;
    }
    for (const float step : {-1e-4F, 0.0F, 1e-4F}) {
      const float next = to_float(Fp16{static_cast<uint16_t>(bits + 1)});
      const float x = (fp16 + next) / 2 * (1 + step);
      ASSERT_TRUE(same(to_float(narrow<Fp16>(x)), static_cast<float>(c10::Half(x)))) << x;
    }
  }
}

// Operands by the loads that kernels use, the product as the PTX ISA lays it out.
TEST(Emulator, ProductsOfATile) {
  constexpr int kStride = 24;
  struct Tiles {
    Bf16 a[16 * kStride], b[16 * kStride];
  };
  const auto value = [](int row, int column, int seed) {
    return static_cast<float>((row * 7 + column * 5 + seed) % 11 - 5);
  };
  float product[16][8] = {}, transposed[16][8] = {};
  emulator::run({1, 32, sizeof(Tiles)}, [&] {
    Tiles* tiles = shared_memory<Tiles>();
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += 32) {
      tiles->a[i / 16 * kStride + i % 16] = narrow<Bf16>(value(i / 16, i % 16, 0));
      tiles->b[i / 16 * kStride + i % 16] = narrow<Bf16>(value(i / 16, i % 16, 3));
    }
    __syncthreads();
    const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
    uint32_t a[4], b[4], turned[4];
    load_matrices(a, tiles->a + lane % 16 * kStride + lane / 16 * 8);
    // b's rows are columns of the right side, once, and rows of it, once.
    load_matrices(b, tiles->b + (lane % 8 + lane / 16 * 8) * kStride + lane / 8 % 2 * 8);
    load_transposed(turned, tiles->b + lane % 16 * kStride + lane / 16 * 8);
    float c[4] = {}, d[4] = {};
    multiply_add<Bf16>(c, a, b[0], b[1]);
    multiply_add<Bf16>(d, a, turned[0], turned[1]);
    for (int i = 0; i < 4; ++i) {
      product[g + i / 2 * 8][2 * t + i % 2] = c[i];
      transposed[g + i / 2 * 8][2 * t + i % 2] = d[i];
    }
  });
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      float want = 0, want_transposed = 0;
      for (int k = 0; k < 16; ++k) {
        want += value(row, k, 0) * value(column, k, 3);
        want_transposed += value(row, k, 0) * value(k, column, 3);
      }
      EXPECT_EQ(product[row][column], want);
      EXPECT_EQ(transposed[row][column], want_transposed);
    }
  }
}

}  // namespace
}  // namespace pals::cuda
