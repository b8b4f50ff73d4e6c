#include "dist/shards.h"

#include <gtest/gtest.h>

#include <map>

namespace pals {
namespace {

// Embeddings far larger than the rest, some layers, two tasks; of which some parts may be frozen.
ParameterTable make_table(Frozen frozen = Frozen::kNothing) {
  ParameterTable table;
  table.add({.name = "embeddings.word", .shape = {100, 10}});
  for (int i = 0; i < 4; ++i) {
    const std::string at = "encoder.layer." + std::to_string(i) + ".";
    table.add({.name = at + "query", .shape = {9, 9}});
    table.add({.name = at + "key", .shape = {9, 9}, .adjoins_previous = true});
    table.add({.name = at + "norm", .shape = {9}, .layer_norm = true});
  }
  for (int task = 0; task < 2; ++task) {
    table.add({.name = "tasks." + std::to_string(task) + ".head", .shape = {5, 9}, .owner = task});
    table.add({.name = "tasks." + std::to_string(task) + ".bias", .shape = {5}, .owner = task});
  }
  table.freeze_shared(frozen);
  table.lay_out();
  return table;
}

TEST(Shards, CoverEachTrainingParameterOnceAndWhole) {
  for (const Frozen frozen : {Frozen::kNothing, Frozen::kWeights, Frozen::kAll}) {
    const ParameterTable table = make_table(frozen);
    for (const int ranks : {1, 2, 3, 8}) {
      const std::vector<Shard> shards = make_shards(table, ranks);
      for (const Parameter& row : table.rows()) {
        int holders = 0, touched = 0;
        for (const Shard& shard : shards) {
          const bool starts = row.offset >= shard.range.begin && row.offset < shard.range.end;
          const bool whole = starts && row.offset + row.numel <= shard.range.end;
          holders += whole ? 1 : 0;
          touched += starts ? 1 : 0;
          if (whole) {
            EXPECT_EQ(shard.owner, row.owner);
          }
        }
        EXPECT_EQ(holders, row.trainable ? 1 : 0) << row.name;
        EXPECT_EQ(touched, holders) << row.name;
      }
      for (size_t i = 0; i < shards.size(); ++i) {
        EXPECT_GE(shards[i].rank, 0);
        EXPECT_LT(shards[i].rank, ranks);
        if (i > 0) {
          EXPECT_GE(shards[i].range.begin, shards[i - 1].range.end);
        }
      }
    }
  }
}

TEST(Shards, AreContiguousAndEven) {
  const std::vector<Shard> shards = make_shards(make_table(), 2);
  // One a rank and owner, since everything trains.
  ASSERT_EQ(shards.size(), 6U);
  EXPECT_EQ(shards[0].rank, 0);
  EXPECT_EQ(shards[1].rank, 1);
  // 1,000 of 1,684 elements are one parameter.
  EXPECT_NEAR(static_cast<double>(shards[0].range.end - shards[0].range.begin), 1000.0, 100.0);
}

TEST(Shards, PartsOfARange) {
  const ParameterTable table = make_table();
  const std::vector<Shard> shards = make_shards(table, 2);
  const ArenaRange shared = table.range(kSharedOwner);
  std::map<int, int64_t> elements;
  int64_t at = shared.begin + 700;
  for (const Shard& part : shards_within(shards, {at, shared.end})) {
    EXPECT_GE(part.range.begin, at);
    EXPECT_EQ(part.owner, kSharedOwner);
    at = part.range.end;
    elements[part.rank] += part.range.end - part.range.begin;
  }
  EXPECT_EQ(elements[0], shards[0].range.end - 700);
  EXPECT_EQ(elements[1], shards[1].range.end - shards[1].range.begin);
  EXPECT_TRUE(shards_within(shards, {10, 10}).empty());
}

}  // namespace
}  // namespace pals
