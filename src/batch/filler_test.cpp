#include "batch/filler.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pals {
namespace {

PackedBatch batch_of(const std::vector<int64_t>& lengths) {
  PackedBatch batch;
  const std::vector<int32_t> ids(600, 7);
  int64_t row = 0;
  for (const int64_t length : lengths) batch.append(2, row++, ids.data(), ids.data(), length);
  return batch;
}

TEST(Filler, MakesUpARoundSize) {
  for (const std::vector<int64_t>& lengths : {std::vector<int64_t>{5},
                                              {5, 6, 7},
                                              std::vector<int64_t>(32, 34),
                                              std::vector<int64_t>(8, 8),
                                              std::vector<int64_t>(70, 33),
                                              {512, 511},
                                              {63},
                                              {64}}) {
    const PackedBatch batch = batch_of(lengths);
    const BatchSize size = filled_size(batch);
    const PackedBatch filled = with_filler(batch, size);
    EXPECT_EQ(size.rows % 8, 1);
    EXPECT_EQ(size.tokens % (size.tokens <= 2048 ? 64 : 256), 0);
    EXPECT_LT(size.tokens, batch.num_tokens() + 256 + 8);
    EXPECT_EQ(filled.num_rows(), size.rows);
    EXPECT_EQ(filled.num_tokens(), size.tokens);
    EXPECT_EQ(filled.cu_seqlens.size(), static_cast<size_t>(size.rows) + 1);
    EXPECT_EQ(filled.cu_seqlens.back(), size.tokens);
    for (size_t row = 0; row < static_cast<size_t>(size.rows); ++row) {
      const int32_t length = filled.cu_seqlens[row + 1] - filled.cu_seqlens[row];
      EXPECT_GE(length, 1);
      EXPECT_LE(length, size.longest);
      if (row < lengths.size()) {
        EXPECT_EQ(length, lengths[row]);
      }
    }
    EXPECT_EQ(filled.num_examples(), batch.num_examples());
    EXPECT_EQ(filled.segments.front().last_example, batch.num_examples());
    EXPECT_EQ(filled.segments.front().last_row, size.rows);
    EXPECT_EQ(filled_size(batch), size);
  }
}

TEST(Filler, SimilarBatchesHaveTheSameSize) {
  EXPECT_EQ(filled_size(batch_of(std::vector<int64_t>(32, 34))),
            filled_size(batch_of(std::vector<int64_t>(30, 37))));
}

TEST(Filler, OnlyOneTaskAndEnoughRoom) {
  PackedBatch batch = batch_of({3});
  EXPECT_THROW(with_filler(batch, {9, 4, 32}), std::logic_error);
  const int32_t id = 1;
  batch.append(3, 9, &id, &id, 1);
  EXPECT_THROW(with_filler(batch, filled_size(batch)), std::logic_error);
}

}  // namespace
}  // namespace pals
