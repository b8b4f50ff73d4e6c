#include "checkpoint/tensor_hash.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace pals {
namespace {

using Entries = std::vector<TensorEntry>;

TEST(TensorHash, TellsNamesTypesShapesAndValuesApart) {
  const std::array<float, 4> values = {1, 2, 3, 4}, others = {1, 2, 3, 5};
  const auto entry = [](const char* name, std::vector<int64_t> shape, const void* data,
                        DType type = DType::kF32) {
    return make_tensor_entry(name, type, std::move(shape), data);
  };
  const Entries base = {entry("a", {2, 2}, values.data()), entry("b", {2}, others.data())};
  const std::string hash = tensors_hash(base);
  EXPECT_EQ(hash.size(), 32U);
  EXPECT_EQ(tensors_hash(Entries{base[1], base[0]}), hash);
  EXPECT_EQ(tensors_hash(base), hash);
  const Entries changed[] = {
      {entry("c", {2, 2}, values.data()), base[1]},
      {entry("a", {4}, values.data()), base[1]},
      {entry("a", {2, 2}, others.data()), base[1]},
      {entry("a", {2, 2}, values.data(), DType::kI32), base[1]},
      {base[0]},
      {entry("b", {2, 2}, values.data()), entry("a", {2}, others.data())},
  };
  for (const Entries& other : changed) EXPECT_NE(tensors_hash(other), hash);
}

}  // namespace
}  // namespace pals
