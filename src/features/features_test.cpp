#include "features/features.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

/// The rule as it is written down: one token at a time.
std::vector<int32_t> naive_pair(std::vector<int32_t> a, std::vector<int32_t> b, int max_seq_length,
                                int32_t* first_length) {
  if (b.empty()) {
    while (static_cast<int>(a.size()) > max_seq_length - 2) a.pop_back();
  } else {
    while (static_cast<int>(a.size() + b.size()) > max_seq_length - 3) {
      (a.size() > b.size() ? a : b).pop_back();
    }
  }
  std::vector<int32_t> ids = {kTestCls};
  ids.insert(ids.end(), a.begin(), a.end());
  ids.push_back(kTestSep);
  *first_length = static_cast<int32_t>(ids.size());
  if (!b.empty()) {
    ids.insert(ids.end(), b.begin(), b.end());
    ids.push_back(kTestSep);
  }
  return ids;
}

TEST(Features, TruncationFollowsTheRuleForAllLengths) {
  const Tokenizer tokenizer = letter_tokenizer();
  for (int max_seq_length = 5; max_seq_length <= 13; ++max_seq_length) {
    for (int64_t a = 0; a <= 14; ++a) {
      for (int64_t b = 0; b <= 14; ++b) {
        std::vector<int32_t> ids_a, ids_b, ids = {-7};
        std::string text_a, text_b;
        for (int64_t i = 0; i < a; ++i) {
          ids_a.push_back(kTestFirstLetter + static_cast<int32_t>(i));
          text_a += std::string(1, static_cast<char>('a' + i)) + " ";
        }
        for (int64_t i = 0; i < b; ++i) {
          ids_b.push_back(kTestFirstLetter + 25 - static_cast<int32_t>(i));
          text_b += std::string(1, static_cast<char>('z' - i)) + " ";
        }
        int32_t want_first = 0;
        std::vector<int32_t> want = naive_pair(ids_a, ids_b, max_seq_length, &want_first);
        want.insert(want.begin(), -7);
        const int32_t first = encode_pair(tokenizer, text_a, text_b, max_seq_length, ids);
        ASSERT_EQ(ids, want) << a << " " << b << " " << max_seq_length;
        ASSERT_EQ(first, want_first) << a << " " << b << " " << max_seq_length;
        ASSERT_LE(static_cast<int>(ids.size()) - 1, max_seq_length);
      }
    }
  }
}

TEST(Features, SmallestLengthHoldsTheSpecialTokens) {
  const Tokenizer tokenizer = letter_tokenizer();
  std::vector<int32_t> ids;
  EXPECT_EQ(encode_pair(tokenizer, "a b", "c", 3, ids), 2);
  EXPECT_EQ(ids, (std::vector<int32_t>{kTestCls, kTestSep, kTestSep}));
  EXPECT_THROW(encode_pair(tokenizer, "a", "", 2, ids), UsageError);
}

TEST(Features, TextsMayLoseTheirStart) {
  const Tokenizer tokenizer = letter_tokenizer();
  const auto encoded = [&](const char* a, const char* b, int length) {
    std::vector<int32_t> ids;
    encode_pair(tokenizer, a, b, length, ids, Truncation::kStart);
    return ids;
  };
  const auto letter = [](char c) { return kTestFirstLetter + c - 'a'; };
  EXPECT_EQ(encoded("a b c d", "", 4),
            (std::vector<int32_t>{kTestCls, letter('c'), letter('d'), kTestSep}));
  EXPECT_EQ(encoded("a b c d e", "f g h", 7),
            (std::vector<int32_t>{kTestCls, letter('d'), letter('e'), kTestSep, letter('g'),
                                  letter('h'), kTestSep}));
  EXPECT_EQ(encoded("a", "b c", 8), (std::vector<int32_t>{kTestCls, letter('a'), kTestSep,
                                                          letter('b'), letter('c'), kTestSep}));
}

TEST(Features, SecondTextWithoutTokensCountsAsNone) {
  const Tokenizer tokenizer = letter_tokenizer();
  std::vector<int32_t> ids;
  EXPECT_EQ(encode_pair(tokenizer, "a b", " \t ", 8, ids), 4);
  EXPECT_EQ(ids.size(), 4U);
}

TEST(Features, ThreadsDoNotChangeTheResult) {
  const Tokenizer tokenizer = letter_tokenizer();
  Random random(7);
  std::vector<Example> examples(5000);
  for (size_t i = 0; i < examples.size(); ++i) {
    examples[i].text_a =
        letters(static_cast<int64_t>(random.below(20)), static_cast<char>('a' + random.below(26)));
    if (i % 3 == 0) examples[i].text_b = letters(static_cast<int64_t>(random.below(20)), 'q');
    // None, one or several.
    examples[i].targets.assign(i % 4, static_cast<float>(i) / 3.0F);
  }
  const FeatureSet one = make_features(examples, tokenizer, 16, 1);
  const FeatureSet many = make_features(examples, tokenizer, 16, 7);
  EXPECT_EQ(one, many);
  ASSERT_EQ(one.num_rows(), 5000);

  PackedBatch batch;
  PackedBatch direct;
  for (int64_t row = 4000; row < 4100; ++row) {
    const Example& example = examples[static_cast<size_t>(row)];
    append_example(one, row, 2, row - 4000, batch);
    append_text(tokenizer, example.text_a, example.text_b, 16, 2, row - 4000, direct);
    EXPECT_TRUE(std::ranges::equal(batch.targets_of(row - 4000), example.targets));
  }
  EXPECT_EQ(batch.token_ids, direct.token_ids);
  EXPECT_EQ(batch.token_type_ids, direct.token_type_ids);
  EXPECT_EQ(batch.cu_seqlens, direct.cu_seqlens);
  EXPECT_EQ(batch.row_ids, direct.row_ids);
  EXPECT_TRUE(direct.targets.empty());
}

TEST(Features, TypesAreZeroThenOne) {
  const Tokenizer tokenizer = letter_tokenizer();
  PackedBatch batch;
  append_text(tokenizer, "a b", "c", 16, 0, 9, batch);
  append_text(tokenizer, "a", "", 16, 0, 10, batch);
  EXPECT_EQ(batch.token_type_ids, (std::vector<int32_t>{0, 0, 0, 0, 1, 1, 0, 0, 0}));
  EXPECT_EQ(batch.position_ids, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(batch.cu_seqlens, (std::vector<int32_t>{0, 6, 9}));
}

TEST(Features, NoExamplesMakeAnEmptySet) {
  const FeatureSet empty = make_features({}, letter_tokenizer(), 16);
  EXPECT_EQ(empty.num_rows(), 0);
  EXPECT_EQ(empty, FeatureSet());
}

TEST(Features, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const std::vector<Example> examples(3);
  EXPECT_THROW(make_features(examples, letter_tokenizer(), 16, 1, source.get_token()), Error);
}

}  // namespace
}  // namespace pals
