#include "predict/windows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "base/error.h"
#include "features/test_tokens.h"
#include "tasks/squad.h"

namespace pals {
namespace {

/// `count` texts of 1 to 7 letters, then an error if one is given. Rows from `held_from` on come
/// only once release() was called.
class FakeInput : public TextInput {
 public:
  explicit FakeInput(int count, std::string error = "") : count_(count), error_(std::move(error)) {}

  bool next(InputRow& row) override {
    if (given_ == count_) {
      if (!error_.empty()) fail(error_);
      return false;
    }
    row.texts.text_a = letters(1 + given_ * 5 % 7, 'a');
    ++given_;
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
  std::string error_;
};

TEST(WindowReader, GivesAllRowsInOrder) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader reader(std::make_unique<FakeInput>(25), tokenizer, 6, 10);
  std::vector<int64_t> sizes, lengths;
  while (const std::optional<EncodedRows> window = reader.next()) {
    sizes.push_back(window->num_texts);
    EXPECT_EQ(window->ids.size(), static_cast<size_t>(window->num_texts));
    const FeatureSet& rows = *window->features.front();
    ASSERT_EQ(rows.num_rows(), window->num_texts);
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      lengths.push_back(rows.row_length(row));
      EXPECT_EQ(rows.first_lengths[static_cast<size_t>(row)], rows.row_length(row));
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
  const std::optional<EncodedRows> window = reader.next();
  ASSERT_TRUE(window);
  EXPECT_EQ(window->num_texts, 3);
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
    const std::optional<EncodedRows> window = reader.next();
    ASSERT_TRUE(window);
    rows += window->num_texts;
  }
  EXPECT_EQ(rows, 2);
  source.release();
  while (const std::optional<EncodedRows> window = reader.next()) rows += window->num_texts;
  EXPECT_EQ(rows, 5);
}

TEST(WindowReader, CanBeLeftAtAnyTime) {
  const Tokenizer tokenizer = letter_tokenizer();
  { const WindowReader unread(std::make_unique<FakeInput>(1000), tokenizer, 16, 10); }
  auto input = std::make_unique<FakeInput>(5);
  input->hold_from(0);
  { const WindowReader waiting(std::move(input), tokenizer, 16, 10); }
}

/// Rows that any kind of task can be asked about; two questions for each context.
class RowInput : public TextInput {
 public:
  RowInput(int count, std::string context) : count_(count), context_(std::move(context)) {}

  bool next(InputRow& row) override {
    if (given_ == count_) return false;
    row.id = std::to_string(given_);
    row.texts.text_a = "q";
    row.texts.text_b = context_ + letters(given_ / 2, 'c');
    row.texts.choices.assign(static_cast<size_t>(2 + given_ % 2), "x y");
    ++given_;
    return true;
  }
  bool at_hand(int /*milliseconds*/) override { return true; }
  bool has_ids() const override { return true; }

 private:
  int count_, given_ = 0;
  std::string context_;
};

TEST(WindowReader, MakesRowsOfEachForm) {
  const Tokenizer tokenizer = letter_tokenizer();
  const RowForm text, span{TaskKind::kSpan, SpanOptions{.doc_stride = 2}};
  const RowForm other{TaskKind::kSpan, SpanOptions{.doc_stride = 3}},
      choice{TaskKind::kMultipleChoice, {}};
  WindowReader reader(std::make_unique<RowInput>(4, "a b d e f g "), tokenizer, 8, 100,
                      {span, text, choice, span, other});
  const EncodedRows window = *reader.next();
  EXPECT_EQ(window.num_texts, 4);
  EXPECT_EQ(window.ids, (std::vector<std::string>{"0", "1", "2", "3"}));
  ASSERT_EQ(window.features.size(), 5U);
  EXPECT_EQ(window.features[0], window.features[3]);
  const FeatureTexts& texts = window.features[0]->texts;
  EXPECT_EQ(texts.questions.contexts.size(), 2U);
  ASSERT_EQ(texts.questions.questions.size(), 4U);
  EXPECT_EQ(texts.questions.questions[3].context, 1);
  EXPECT_GT(window.features[0]->num_rows(), window.features[4]->num_rows());
  EXPECT_EQ(window.features[1]->num_rows(), 4);
  EXPECT_EQ(window.features[2]->num_examples(), 4);
  EXPECT_EQ(window.features[2]->num_rows(), 2 + 3 + 2 + 3);
  EXPECT_FALSE(reader.next());
}

TEST(WindowReader, LongContextsAndManyChoicesMakeSmallWindows) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader spans(std::make_unique<RowInput>(6, std::string(3 << 20, ' ')), tokenizer, 8, 100,
                     {{TaskKind::kSpan, {}}});
  EXPECT_EQ(spans.next()->num_texts, 3) << "the first two share their context";
  WindowReader choices(std::make_unique<RowInput>(6, ""), tokenizer, 8, 5,
                       {{TaskKind::kMultipleChoice, {}}});
  EXPECT_EQ(choices.next()->num_texts, 2);
}

/// Numbered rows, every seventh of them faulty, with contexts of several lengths.
class FaultyInput : public TextInput {
 public:
  explicit FaultyInput(int count) : count_(count) {}

  bool next(InputRow& row) override {
    if (given_ == count_) return false;
    row.id = std::to_string(given_);
    row.texts.text_a = "q";
    row.texts.text_b = letters(1 + given_ % 9, 'c');
    if (given_++ % 7 == 3) fail("input:", given_, ": bad");
    return true;
  }
  bool goes_on() const override { return true; }
  int64_t line() const override { return given_; }
  InputPlace place() override {
    return {static_cast<uint64_t>(given_ - 1), static_cast<uint64_t>(count_)};
  }
  bool at_hand(int /*milliseconds*/) override { return true; }

 private:
  int count_, given_ = 0;
};

/// Each window as "first: id id !line id", and the message at the end, if there is one.
std::vector<std::string> windows_of(int count, const ReadRules& rules) {
  const Tokenizer tokenizer = letter_tokenizer();
  WindowReader reader(std::make_unique<FaultyInput>(count), tokenizer, 8, 10,
                      {{TaskKind::kSpan, SpanOptions{.doc_stride = 2}}}, {}, rules);
  std::vector<std::string> windows;
  try {
    while (const std::optional<EncodedRows> window = reader.next()) {
      std::string text = concat(window->first_row, ":");
      for (size_t i = 0; i <= window->ids.size(); ++i) {
        for (const BadRow& bad : window->bad) {
          if (bad.place == static_cast<int64_t>(i)) text += concat(" !", bad.line);
        }
        if (i < window->ids.size()) text += " " + window->ids[i];
      }
      windows.push_back(text);
    }
  } catch (const Error& error) {
    windows.emplace_back(error.what());
  }
  return windows;
}

TEST(WindowReader, KeepsTheFaultyRows) {
  const std::vector<std::string> kept = windows_of(6, {.keep_bad = true});
  std::string all;
  for (const std::string& window : kept) all += window.substr(window.find(':') + 1);
  EXPECT_EQ(all, " 0 1 2 !4 4 5");
  const std::vector<std::string> stopped = windows_of(6, {});
  EXPECT_EQ(stopped.back(), "input:4: bad");
}

TEST(WindowReader, ShardsTogetherMakeTheSameWindows) {
  const std::vector<std::string> whole = windows_of(95, {.keep_bad = true});
  EXPECT_GT(whole.size(), 10U) << "a context may be several rows";
  for (const int64_t count : {2, 3, 10, 40}) {
    std::vector<std::string> joined;
    size_t most = 0;
    for (int64_t number = 1; number <= count; ++number) {
      const auto part = windows_of(95, {.shard = {number, count}, .keep_bad = true});
      joined.insert(joined.end(), part.begin(), part.end());
      most = std::max(most, part.size());
    }
    EXPECT_EQ(joined, whole) << count;
    EXPECT_LT(most, whole.size());
  }
}

TEST(WindowReader, FaultsOfOtherShardsAreTheirs) {
  // Two runs of 10 rows; the first bad one of each.
  EXPECT_EQ(windows_of(20, {.shard = {1, 2}}).back(), "input:4: bad");
  EXPECT_EQ(windows_of(20, {.shard = {2, 2}}).back(), "input:11: bad");
  EXPECT_EQ(windows_of(10, {.shard = {2, 2}}), std::vector<std::string>());
}

}  // namespace
}  // namespace pals
