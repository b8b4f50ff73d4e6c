#include "checkpoint/tensor_file.h"

#include <bit>
#include <cmath>
#include <limits>

#include "checkpoint/test_support.h"

namespace pals {
namespace {

template <typename Element>
std::vector<float> as_floats(DType dtype, const std::vector<Element>& values) {
  const TensorEntry tensor =
      make_tensor_entry("t", dtype, {static_cast<int64_t>(values.size())}, values.data());
  std::vector<float> out(values.size());
  copy_as_float(tensor, out.data(), out.size());
  return out;
}

TEST(TensorFile, AllHalvesConvertExactly) {
  std::vector<uint16_t> halves(65536);
  for (size_t index = 0; index < halves.size(); ++index) {
    halves[index] = static_cast<uint16_t>(index);
  }
  const std::vector<float> floats = as_floats(DType::kF16, halves);
  for (size_t index = 0; index < halves.size(); ++index) {
    const int exponent = static_cast<int>(index >> 10 & 31);
    const int fraction = static_cast<int>(index & 1023);
    const double sign = index >= 32768 ? -1 : 1;
    if (exponent == 31) {
      if (fraction != 0) {
        EXPECT_TRUE(std::isnan(floats[index]));
      } else {
        EXPECT_EQ(floats[index], sign * std::numeric_limits<float>::infinity());
      }
    } else {
      const double magnitude =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      EXPECT_EQ(floats[index], sign * magnitude) << index;
      EXPECT_EQ(std::signbit(floats[index]), sign < 0);
    }
  }
}

TEST(TensorFile, OtherFloatsConvert) {
  EXPECT_EQ(as_floats<uint16_t>(DType::kBF16, {0x3f80, 0xc020, 0x0000}),
            (std::vector<float>{1.0f, -2.5f, 0.0f}));
  EXPECT_EQ(as_floats<double>(DType::kF64, {0.1, -1e300}),
            (std::vector<float>{0.1f, -std::numeric_limits<float>::infinity()}));
  const std::vector<float> nan = as_floats<uint32_t>(DType::kF32, {0x7f812345});
  EXPECT_EQ(std::bit_cast<uint32_t>(nan[0]), 0x7f812345u);
}

TEST(TensorFile, UnalignedBytesConvert) {
  std::string bytes(1, 'x');
  const float value = 1.25f;
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  float out = 0;
  copy_as_float(make_tensor_entry("t", DType::kF32, {}, bytes.data() + 1), &out, 1);
  EXPECT_EQ(out, 1.25f);
}

TEST(TensorFile, RefusesWhatIsNoFloatOrAnotherSize) {
  const int64_t value = 1;
  float out[2];
  const TensorEntry integer = make_tensor_entry("ids", DType::kI64, {1}, &value);
  EXPECT_NE(error_of([&] { copy_as_float(integer, out, 1); }).find("I64"), std::string::npos);
  const TensorEntry real = make_tensor_entry("w", DType::kF32, {1, 1}, &value);
  EXPECT_EQ(error_of([&] { copy_as_float(real, out, 2); }),
            "tensor \"w\" of shape [1, 1] has 1 value, expected 2");
}

TEST(TensorFile, SizesDoNotOverflow) {
  const auto numel = [](std::vector<int64_t> shape, DType dtype) {
    return checked_numel(shape, dtype);
  };
  EXPECT_EQ(numel({}, DType::kF32), 1);
  EXPECT_EQ(numel({2, 3}, DType::kF32), 6);
  EXPECT_EQ(numel({0, 5}, DType::kF32), 0);
  EXPECT_EQ(numel({INT64_MAX, 0}, DType::kI8), 0);
  EXPECT_EQ(numel({INT64_MAX, INT64_MAX, 0}, DType::kI8), -1);
  EXPECT_EQ(numel({0, INT64_MAX, INT64_MAX}, DType::kI8), -1);
  EXPECT_EQ(numel({-1}, DType::kF32), -1);
  EXPECT_EQ(numel({0, -1}, DType::kF32), -1);
  EXPECT_EQ(numel({INT64_MAX}, DType::kI8), INT64_MAX);
  EXPECT_EQ(numel({INT64_MAX}, DType::kI16), -1);
  EXPECT_EQ(numel({int64_t{1} << 32, int64_t{1} << 32}, DType::kI8), -1);
}

TEST(TensorFile, OwnsItsMemoryAcrossMoves) {
  TensorFile first;
  const std::span<std::byte> memory = first.allocate(4);
  memory[3] = std::byte{7};
  first.add({"a", DType::kI8, {4}, memory}, "here");
  TensorFile second = std::move(first);
  ASSERT_NE(second.find("a"), nullptr);
  EXPECT_EQ(second.find("a")->bytes[3], std::byte{7});
  EXPECT_EQ(second.find("b"), nullptr);
  EXPECT_NE(error_of([&] {
              second.add({"a", DType::kI8, {4}, memory}, "here");
            }).find("\"a\""),
            std::string::npos);
}

}  // namespace
}  // namespace pals
