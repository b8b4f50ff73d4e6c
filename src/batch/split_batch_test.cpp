#include "batch/split_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace pals {
namespace {

// Examples of these numbers of rows and lengths; ids and types say where a token stood.
PackedBatch make_batch(const std::vector<std::vector<int64_t>>& lengths) {
  PackedBatch batch;
  int64_t row_id = 100;
  for (size_t e = 0; e < lengths.size(); ++e) {
    const int task = e < lengths.size() / 2 ? 0 : 3;
    bool first = true;
    for (const int64_t length : lengths[e]) {
      std::vector<int32_t> ids(static_cast<size_t>(length)), types(ids.size());
      std::iota(ids.begin(), ids.end(), static_cast<int32_t>(row_id * 1000));
      for (size_t i = 0; i < types.size(); ++i) types[i] = static_cast<int32_t>(i % 2);
      const std::vector<float> target = {static_cast<float>(e)};
      if (first) {
        batch.append(task, row_id, ids.data(), types.data(), length, target);
      } else {
        batch.append_choice(row_id, ids.data(), types.data(), length);
      }
      first = false;
      ++row_id;
    }
  }
  return batch;
}

TEST(SplitBatch, SharesCoverTheBatchAndAreEvenInTokens) {
  std::vector<std::vector<int64_t>> lengths;
  for (int64_t i = 0; i < 32; ++i) lengths.push_back({3 + i * 37 % 100});
  const PackedBatch batch = make_batch(lengths);
  for (const int parts : {1, 2, 3, 4, 7}) {
    std::vector<int64_t> seen;
    int64_t least = batch.num_tokens(), most = 0;
    for (const std::vector<int64_t>& share : split_examples(batch, parts)) {
      EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
      seen.insert(seen.end(), share.begin(), share.end());
      const int64_t tokens = take_examples(batch, share).num_tokens();
      least = std::min(least, tokens);
      most = std::max(most, tokens);
    }
    std::sort(seen.begin(), seen.end());
    std::vector<int64_t> all(32);
    std::iota(all.begin(), all.end(), int64_t{0});
    EXPECT_EQ(seen, all);
    EXPECT_LE(most - least, 102) << parts;  // at most the longest example
    if (parts == 2) {
      EXPECT_LE(most - least, 10);
    }
  }
}

TEST(SplitBatch, ExamplesComeWithAllTheyHave) {
  const PackedBatch batch = make_batch({{5}, {2, 9, 4}, {1}, {7, 7}});
  const PackedBatch taken = take_examples(batch, {1, 3});
  EXPECT_EQ(taken.row_ids, (std::vector<int64_t>{101, 102, 103, 105, 106}));
  EXPECT_EQ(taken.cu_seqlens, (std::vector<int32_t>{0, 2, 11, 15, 22, 29}));
  EXPECT_EQ(taken.group_offsets, (std::vector<int64_t>{0, 3, 5}));
  EXPECT_EQ(taken.targets_of(0).front(), 1.0F);
  EXPECT_EQ(taken.targets_of(1).front(), 3.0F);
  ASSERT_EQ(taken.segments.size(), 2U);
  EXPECT_EQ(taken.segments[0].task, 0);
  EXPECT_EQ(taken.segments[1].task, 3);
  EXPECT_EQ(taken.token_ids[2], 102000);
  EXPECT_EQ(taken.max_seqlen, 9);

  std::vector<int64_t> all = {0, 1, 2, 3};
  const PackedBatch whole = take_examples(batch, all);
  EXPECT_EQ(whole.token_ids, batch.token_ids);
  EXPECT_EQ(whole.token_type_ids, batch.token_type_ids);
  EXPECT_EQ(whole.position_ids, batch.position_ids);
  EXPECT_EQ(whole.cu_seqlens, batch.cu_seqlens);
  EXPECT_EQ(whole.row_ids, batch.row_ids);
}

TEST(SplitBatch, MoreRanksThanExamplesLeavesSomeWithoutAny) {
  const PackedBatch batch = make_batch({{5}, {6}});
  const auto shares = split_examples(batch, 4);
  EXPECT_EQ(shares[0].size() + shares[1].size(), 2U);
  EXPECT_TRUE(shares[2].empty());
  EXPECT_EQ(take_examples(batch, shares[3]).num_tokens(), 0);
}

TEST(SplitBatch, ATeachersLogitsStayWithTheirExamples) {
  PackedBatch batch;
  const std::vector<int32_t> ids(8);
  for (int e = 0; e < 4; ++e) {
    batch.append(e / 3, e, ids.data(), ids.data(), 2 + e);
    if (e == 0) continue;
    const float base = static_cast<float>(10 * e);
    batch.teach(std::vector<float>{base, base + 1.0F});
  }
  batch.teacher_weight = 0.25;
  EXPECT_TRUE(batch.taught_of(0).empty());
  const PackedBatch taken = take_examples(batch, {0, 2, 3});
  EXPECT_EQ(taken.teacher_weight, 0.25);
  EXPECT_TRUE(taken.taught_of(0).empty());
  EXPECT_EQ(taken.taught_of(1).front(), 20.0F);
  EXPECT_EQ(taken.taught_of(2).back(), 31.0F);
  EXPECT_TRUE(take_examples(batch, {0}).taught_of(0).empty());
  EXPECT_TRUE(taken.taught_of(3).empty()) << "there is no such example";
}

}  // namespace
}  // namespace pals
