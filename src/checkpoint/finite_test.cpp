#include "checkpoint/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace pals {
namespace {

TEST(AllFinite, FindsOneValueAmongMany) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    for (const size_t at : {0U, 4095U, 4096U, 9999U}) {
      std::vector<float> values(10000, std::numeric_limits<float>::max());
      const TensorEntry entry = make_tensor_entry("w", DType::kF32, {100, 100}, values.data());
      EXPECT_TRUE(all_finite(entry));
      values[at] = bad;
      EXPECT_FALSE(all_finite(entry)) << at;
    }
  }
}

TEST(AllFinite, OfOtherTypes) {
  const double large = 1e300;  // no float
  EXPECT_FALSE(all_finite(make_tensor_entry("w", DType::kF64, {1}, &large)));
  const uint16_t half_infinity = 0x7c00, bf16_nan = 0x7fc0, one = 0x3c00;
  EXPECT_FALSE(all_finite(make_tensor_entry("w", DType::kF16, {1}, &half_infinity)));
  EXPECT_FALSE(all_finite(make_tensor_entry("w", DType::kBF16, {1}, &bf16_nan)));
  EXPECT_TRUE(all_finite(make_tensor_entry("w", DType::kF16, {1}, &one)));
  const int64_t number = -1;
  EXPECT_TRUE(all_finite(make_tensor_entry("w", DType::kI64, {1}, &number)));
  EXPECT_TRUE(all_finite(make_tensor_entry("w", DType::kF32, {0}, nullptr)));
}

}  // namespace
}  // namespace pals
