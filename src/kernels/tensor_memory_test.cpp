#include "kernels/tensor_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace pals {
namespace {

bool has_memory(const void* address) {
  unsigned char resident = 0;
  const auto page = reinterpret_cast<uintptr_t>(address) / 4096 * 4096;
  return mincore(reinterpret_cast<void*>(page), 1, &resident) == 0 && (resident & 1) != 0;
}

at::Tensor filled(int64_t bytes, int value) { return at::full({bytes}, value, at::kByte); }

TEST(TensorMemory, IsKeptForTheNextTensors) {
  const at::Tensor before = filled(1 << 20, 1);  // LibTorch's own, and freed by it at the end
  keep_tensor_memory();
  keep_tensor_memory();
  const at::Tensor small = filled(kSmallestInRegion - 1, 2), none = at::empty({0});
  at::Tensor large = filled(8 << 20, 3);
  const void* const place = large.const_data_ptr();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(place) % 64, 0U);
  large.reset();
  EXPECT_TRUE(has_memory(place));  // unlike a block of 8 MB of the C library's
  EXPECT_EQ(filled(5 << 20, 4).const_data_ptr(), place);
  large = filled(6 << 20, 5);
  EXPECT_EQ(large.const_data_ptr(), place);

  large.resize_({12 << 20}).narrow(0, 6 << 20, 6 << 20).fill_(5);
  EXPECT_TRUE(at::equal(large, filled(12 << 20, 5)));
  EXPECT_TRUE(at::equal(small, filled(kSmallestInRegion - 1, 2)));
  EXPECT_TRUE(at::equal(before, filled(1 << 20, 1)));

  const void* const last = large.const_data_ptr();
  large.reset();
  release_tensor_memory();
  EXPECT_FALSE(has_memory(last));
}

// As much as no machine has: LibTorch's own allocator says so.
TEST(TensorMemory, RunsOutAsBefore) {
  keep_tensor_memory();
  EXPECT_THROW(at::empty({int64_t{1} << 50}, at::kByte), c10::Error);
}

}  // namespace
}  // namespace pals
