#include "features/tagging_features.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

using Words = std::vector<std::string_view>;

/// Letters are words of their own; "bb" has the pieces b and ##b.
Tokenizer tokenizer() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) text += std::string(1, letter) + "\n";
  return Tokenizer(Vocabulary::from_text(text + "-\n.\n##b\n", "letters"), true);
}

FeatureSet features_of(const std::vector<Example>& examples, int max_seq_length, bool training,
                       TaggingRows rows = {}, int threads = 1) {
  const Tokenizer words = tokenizer();
  return make_tagging_features(examples, {words, rows, max_seq_length}, training, threads);
}

TEST(WordsToTag, StandBetweenBlanksOrPunctuation) {
  EXPECT_EQ(words_to_tag(" a  (b,\tc). ", {}), (Words{"a", "(b,", "c)."}));
  EXPECT_EQ(words_to_tag(" a  (b,\tc). ", {.punctuation = true}),
            (Words{"a", "(", "b", ",", "c", ")", "."}));
  EXPECT_EQ(words_to_tag("", {}), Words());
}

TEST(TextOfWords, HasAsManyWords) {
  const std::vector<std::string> words = {"New York", "\xE2\x80\xAF", "a\tb ", "c"};
  const std::string text = text_of_words(words);
  EXPECT_EQ(text,
            "New\xC2\xA0York \xC2\xA0 a\xC2\xA0"
            "b c");
  EXPECT_EQ(words_to_tag(text, {}).size(), words.size());
}

TEST(TaggingFeatures, TheFirstTokenOfAWordHasItsTag) {
  const FeatureSet features =
      features_of({{.text_a = "a bb \xC3\xBC\xC3\xBC c", .targets = {1, 2, 0, 1}}}, 16, false);
  ASSERT_EQ(features.num_rows(), 1);
  // [CLS] a b ##b [UNK] c [SEP]
  EXPECT_EQ(features.targets, (std::vector<float>{-1, 1, 2, -1, 0, 1, -1}));
  EXPECT_EQ(features.first_lengths, (std::vector<int32_t>{7}));
  EXPECT_EQ(features.texts.tokens[0].token_words, (std::vector<int32_t>{0, 1, 1, 2, 3}));
}

TEST(TaggingFeatures, AWordWithoutTokensGetsOne) {
  const FeatureSet features =
      features_of({{.text_a = "a \xC2\xA0 b", .targets = {1, 2, 0}}}, 16, false);
  EXPECT_EQ(features.targets, (std::vector<float>{-1, 1, 2, 0, -1}));
}

TEST(TaggingFeatures, LongTextsOverlapAndWordsAreReadWhereMostIsAround) {
  // Ten words in rows of at most four tokens, two apart.
  const std::vector<Example> texts = {{.text_a = letters(10, 'a')}, {.text_a = "b c"}};
  const FeatureSet features = features_of(texts, 6, false, {.doc_stride = 2});
  EXPECT_EQ(features.num_rows(), 4 + 1);
  const auto places = places_of_words(features, 2);
  ASSERT_EQ(places.size(), 2U);
  ASSERT_EQ(places[0].size(), 10U);
  const auto expect = [&](size_t word, int64_t row, int64_t position) {
    EXPECT_EQ(places[0][word].row, row) << word;
    EXPECT_EQ(places[0][word].position, position) << word;
  };
  expect(0, 0, 1);
  expect(2, 0, 3);  // one token before and one behind it, as the first row of its equals
  expect(3, 1, 2);
  expect(9, 3, 4);
  EXPECT_EQ(places[1][1].row, 4);
  EXPECT_EQ(places[1][1].position, 2);
}

TEST(TaggingFeatures, PredictionAndThreadsGiveTheSameRows) {
  std::vector<Example> texts;
  for (int i = 0; i < 700; ++i) {
    texts.push_back({.text_a = letters(i % 23, static_cast<char>('a' + i % 26))});
  }
  const TaggingRows rows{.doc_stride = 3};
  const FeatureSet one = features_of(texts, 9, false, rows, 1);
  EXPECT_EQ(one, features_of(texts, 9, false, rows, 7));
  const Tokenizer words = tokenizer();
  FeatureSet asked;
  for (const Example& text : texts) append_text_to_tag(text.text_a, {words, rows, 9}, asked);
  EXPECT_EQ(asked, one);
  const FeatureSet training = features_of(texts, 9, true, rows);
  EXPECT_TRUE(training.texts.tokens.empty());
  EXPECT_EQ(training.token_ids, one.token_ids);
}

TEST(TaggingFeatures, TextsThatDoNotFitAreRefused) {
  const FeatureSet good = features_of({{.text_a = "a bb c"}, {.text_a = "d"}}, 16, false);
  check_texts_to_tag(good.texts, {});
  EXPECT_EQ(places_of_words(good, 128).size(), 2U);
  const auto refused = [&](const auto& damage) {
    FeatureSet bad = good;
    damage(bad);
    EXPECT_THROW(
        {
          check_texts_to_tag(bad.texts, {});
          places_of_words(bad, 128);
        },
        Error);
  };
  refused([](FeatureSet& bad) { bad.texts.questions.contexts[0] += " e"; });
  refused([](FeatureSet& bad) { bad.texts.questions.contexts.pop_back(); });
  refused([](FeatureSet& bad) { bad.texts.tokens[0].token_words[0] = 1; });
  refused([](FeatureSet& bad) { bad.texts.tokens[0].token_words[2] = 3; });
  refused([](FeatureSet& bad) { bad.texts.tokens[1].token_words[0] = -1; });
  refused([](FeatureSet& bad) { bad.row_offsets[1] += 1; });
  refused([](FeatureSet& bad) { bad.end_row(0); });
  refused([](FeatureSet& bad) { bad.row_offsets.pop_back(); });
}

TEST(TaggingFeatures, RowsMustHoldAToken) {
  EXPECT_THROW(features_of({{.text_a = "a"}}, 2, false), UsageError);
}

}  // namespace
}  // namespace pals
