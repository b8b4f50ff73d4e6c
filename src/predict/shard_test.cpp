#include "predict/shard.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace pals {
namespace {

TEST(InputShard, ReadsNumberAndCount) {
  const InputShard shard = parse_shard("2/8", "--shard");
  EXPECT_EQ(shard.number, 2);
  EXPECT_EQ(shard.count, 8);
  EXPECT_TRUE(parse_shard("1/1", "--shard").whole());
  for (const char* text : {"", "2", "/", "0/8", "9/8", "-1/8", "2/8/3", "2/", "/8", "a/b", "2 / 8",
                           "1/1000001", "1/99999999999999999999"}) {
    EXPECT_THROW(parse_shard(text, "--shard"), UsageError) << text;
  }
}

TEST(InputShard, PartsAreRunsOfLikeSize) {
  constexpr uint64_t kTotal = 1000;
  for (const int64_t count : {1, 2, 3, 7, 1000, 3000}) {
    int64_t last = 1;
    std::vector<int64_t> sizes(static_cast<size_t>(count) + 1);
    for (uint64_t before = 0; before < kTotal; ++before) {
      const int64_t part = InputShard{1, count}.at({before, kTotal});
      ASSERT_GE(part, last);
      ASSERT_LE(part, count);
      last = part;
      ++sizes[static_cast<size_t>(part)];
    }
    for (int64_t part = 1; count <= 7 && part <= count; ++part) {
      EXPECT_NEAR(static_cast<double>(sizes[static_cast<size_t>(part)]), 1000.0 / count, 1.0);
    }
  }
  EXPECT_EQ((InputShard{1, 4}.at({10, 10})), 4);
  EXPECT_EQ((InputShard{1, 4}.at({0, 0})), 1);
}

TEST(InputShard, NamesOfPartsAreInOrder) {
  EXPECT_EQ(part_path("a/b.tsv", {2, 16}), "a/b.tsv.02-of-16");
  EXPECT_EQ(part_path("b", {2, 3}), "b.2-of-3");
  EXPECT_LT(part_path("b", {9, 10}), part_path("b", {10, 10}));
}

}  // namespace
}  // namespace pals
