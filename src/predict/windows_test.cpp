#include "predict/windows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>

#include "base/error.h"
#include "data/test_tokens.h"

namespace pals {
namespace {

/// `count` texts of 1 to 7 letters, then an error if one is given. Rows from `held_from` on come
/// only once release() was called.
class FakeInput : public TextInput {
 public:
  explicit FakeInput(int count, std::string error = "") : count_(count), error_(std::move(error)) {}

  bool next(TextPair& texts) override {
    if (given_ == count_) {
      if (!error_.empty()) fail(error_);
      return false;
    }
    text_ = letters(1 + given_ * 5 % 7, 'a');
    ++given_;
    texts = {text_, {}};
    return true;
  }

  bool at_hand(int milliseconds) override {
    if (given_ < held_from_) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return given_ < held_from_;
  }

  void hold_from(int row) { held_from_ = row; }
  void release() { held_from_ = 1 << 30; }

 private:
  int count_;
  int given_ = 0;
  std::atomic<int> held_from_ = 1 << 30;
  std::string text_, error_;
};

TEST(WindowReader, GivesAllRowsInOrder) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader reader(std::make_unique<FakeInput>(25), tokenizer, 6, 10);
  std::vector<int64_t> sizes, lengths;
  while (const std::optional<FeatureSet> window = reader.next()) {
    sizes.push_back(window->num_rows());
    for (int64_t row = 0; row < window->num_rows(); ++row) {
      lengths.push_back(window->row_length(row));
      EXPECT_EQ(window->first_lengths[static_cast<size_t>(row)], window->row_length(row));
    }
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{10, 10, 5}));
  ASSERT_EQ(lengths.size(), 25U);
  for (size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_EQ(lengths[i], std::min<int64_t>(6, 3 + static_cast<int64_t>(i) * 5 % 7)) << i;
  }
  EXPECT_FALSE(reader.next());
}

TEST(WindowReader, GivesTheRowsBeforeAnError) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader reader(std::make_unique<FakeInput>(3, "file:4: bad"), tokenizer, 16, 10);
  const std::optional<FeatureSet> window = reader.next();
  ASSERT_TRUE(window);
  EXPECT_EQ(window->num_rows(), 3);
  EXPECT_THROW(reader.next(), Error);
}

TEST(WindowReader, GivesWhatThereIsWhenTheInputPauses) {
  const Tokenizer tokenizer = letter_tokenizer();
  auto input = std::make_unique<FakeInput>(5);
  FakeInput& source = *input;
  source.hold_from(2);
  WindowReader reader(std::move(input), tokenizer, 16, 100);
  int64_t rows = 0;
  while (rows < 2) {
    const std::optional<FeatureSet> window = reader.next();
    ASSERT_TRUE(window);
    rows += window->num_rows();
  }
  EXPECT_EQ(rows, 2);
  source.release();
  while (const std::optional<FeatureSet> window = reader.next()) rows += window->num_rows();
  EXPECT_EQ(rows, 5);
}

TEST(WindowReader, CanBeLeftAtAnyTime) {
  const Tokenizer tokenizer = letter_tokenizer();
  { const WindowReader unread(std::make_unique<FakeInput>(1000), tokenizer, 16, 10); }
  auto input = std::make_unique<FakeInput>(5);
  input->hold_from(0);
  { const WindowReader waiting(std::move(input), tokenizer, 16, 10); }
}

TEST(ForEachBatch, HoldsEveryRowOfEveryTaskOnceSortedByTask) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader reader(std::make_unique<FakeInput>(23), tokenizer, 16, 100);
  const FeatureSet window = *reader.next();
  const std::vector<int> tasks = {3, 0, 2};
  std::set<int64_t> seen;
  int64_t shortest_before = 100;
  for_each_batch(window, tasks, 8, [&](const PackedBatch& batch) {
    EXPECT_LE(batch.num_rows(), 8);
    EXPECT_LE(batch.max_seqlen, shortest_before);  // like lengths share a batch
    for (const Segment& segment : batch.segments) {
      for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
        const auto r = static_cast<size_t>(row);
        const int64_t item = batch.row_ids[r];
        EXPECT_TRUE(seen.insert(item).second);
        EXPECT_EQ(tasks[static_cast<size_t>(item % 3)], segment.task);
        const int64_t length = batch.cu_seqlens[r + 1] - batch.cu_seqlens[r];
        EXPECT_EQ(length, window.row_length(item / 3));
        shortest_before = std::min(shortest_before, length);
      }
    }
  });
  EXPECT_EQ(seen.size(), 69U);
  EXPECT_EQ(*seen.rbegin(), 68);
}

}  // namespace
}  // namespace pals
