#include "features/span_features.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

/// Letters are words, and "-" and "." are tokens.
Tokenizer tokenizer() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) text += std::string(1, letter) + "\n";
  return Tokenizer(Vocabulary::from_text(text + "-\n.\n##b\n", "letters"), true);
}

int32_t id_of(char letter) { return kTestFirstLetter + (letter - 'a'); }

QuestionSet one_question(const std::string& context, std::vector<Answer> answers) {
  return {{context}, {{.id = "q", .text = "x y", .context = 0, .answers = std::move(answers)}}};
}

FeatureSet features_of(const QuestionSet& questions, const SpanOptions& options, bool training,
                       int max_seq_length, int threads = 1) {
  const Tokenizer words = tokenizer();
  return make_span_features(questions, {words, options, max_seq_length}, training, threads);
}

TEST(SpanContext, CutsAtWhiteSpaceAndIntoTokens) {
  const SpanContext context = split_context(tokenizer(),
                                            " a  ab-c\t\xE2\x80\xAF"
                                            "d\n");
  EXPECT_EQ(context.words, (std::vector<std::string_view>{"a", "ab-c", "d"}));
  EXPECT_EQ(context.token_words, (std::vector<int32_t>{0, 1, 1, 1, 1, 2}));
  EXPECT_EQ(join_words(context, 0, 1), "a ab-c");
}

TEST(SpanRows, WindowsOverlapAsTheOriginals) {
  const SpanOptions options{.doc_stride = 3};
  // 12 - 4 - 1 leave room for 7 tokens.
  const SpanRows rows = span_rows(4, 12, options, 12);
  ASSERT_EQ(rows.windows.size(), 3U);
  for (size_t w = 0; w < 3; ++w) EXPECT_EQ(rows.windows[w].first, static_cast<int64_t>(3 * w));
  EXPECT_EQ(rows.windows[1].size, 7);
  EXPECT_EQ(rows.windows[2].size, 6);
  EXPECT_EQ(rows.row_length(2), 4 + 6 + 1);
  EXPECT_EQ(span_rows(4, 7, options, 12).windows.size(), 1U);
  EXPECT_EQ(span_rows(4, 8, options, 12).windows.size(), 2U);
  const SpanRows none = span_rows(4, 0, options, 12);
  ASSERT_EQ(none.windows.size(), 1U);
  EXPECT_EQ(none.windows[0].size, 0);
  // A stride beyond the window leaves no token out.
  EXPECT_EQ(span_rows(4, 9, {.doc_stride = 100}, 12).windows[1].first, 7);
}

TEST(FindAnswer, CountsCodePointsAndNarrowsWordsToTheAnswersTokens) {
  const Tokenizer letters = tokenizer();
  const std::string text = "\xC3\xA9 a b-c. d";
  const SpanContext context = split_context(letters, text);  // e a b - c . d
  const auto find = [&](const std::string& answer, int64_t start) {
    return find_answer(letters, text, context, {answer, start}, 8);
  };
  const auto whole = find("a b-c.", 2);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->first, 1);
  EXPECT_EQ(whole->last, 5);
  const auto part = find("c", 6);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->first, 4);
  EXPECT_EQ(part->last, 4);
  EXPECT_TRUE(find("a  b-c", 2)) << "white space does not matter";
  EXPECT_FALSE(find("z", 2)) << "another text stands there";
  EXPECT_FALSE(find("", 2));
  EXPECT_FALSE(find("d d", 9)) << "it ends outside of the context";
  const auto too_long = find_answer(letters, text, context, {"c", 6}, 0);
  ASSERT_TRUE(too_long);
  EXPECT_EQ(too_long->last - too_long->first, 3) << "left at whole words";
}

TEST(SpanFeatures, TargetsAreTokensOfTheRow) {
  const QuestionSet set = one_question("a b c d e f g", {{"c d", 4}, {"g", 12}});
  // [CLS] x y [SEP] and room for 4.
  const FeatureSet features = features_of(set, {.doc_stride = 2}, true, 9);
  ASSERT_EQ(features.num_rows(), 3);
  EXPECT_EQ(features.num_examples(), 3);
  EXPECT_EQ(features.first_lengths, (std::vector<int32_t>{4, 4, 4}));
  EXPECT_EQ(features.targets, (std::vector<float>{6, 7, 4, 5, 0, 0}));
  EXPECT_EQ(features.row_length(2), 4 + 3 + 1);
  const auto row = features.token_ids.begin() + features.row_offsets[1];
  EXPECT_EQ(std::vector<int32_t>(row, row + 9),
            (std::vector<int32_t>{kTestCls, id_of('x'), id_of('y'), kTestSep, id_of('c'),
                                  id_of('d'), id_of('e'), id_of('f'), kTestSep}));
}

TEST(SpanFeatures, AnswersThatAreNotFoundAreSkippedInTrainingOnly) {
  const QuestionSet wrong = one_question("a b", {{"z", 0}});
  const FeatureSet training = features_of(wrong, {}, true, 16);
  EXPECT_EQ(training.num_rows(), 0);
  EXPECT_EQ(training.skipped, 1);
  ASSERT_EQ(training.notes.size(), 1U);
  EXPECT_TRUE(training.notes[0].starts_with("left out: \"")) << training.notes[0];
  const FeatureSet dev = features_of(wrong, {}, false, 16);
  EXPECT_EQ(dev.num_examples(), 1);
  EXPECT_TRUE(dev.targets.empty());
  EXPECT_EQ(dev.texts.questions, wrong);
  EXPECT_TRUE(training.texts.questions.contexts.empty());
  const FeatureSet none = features_of(one_question("a b", {}), {}, true, 16);
  EXPECT_EQ(none.targets, (std::vector<float>{0, 0}));
}

TEST(SpanFeatures, QuestionsGetAtMostHalfOfARow) {
  const QuestionSet set{{"a"},
                        {{.id = "q", .text = letters(30, 'x'), .context = 0, .answers = {}}}};
  EXPECT_EQ(features_of(set, {}, false, 13).first_lengths.front(), 2 + 5);
  const FeatureSet cut = features_of(set, {.max_query_length = 3}, false, 64);
  EXPECT_EQ(cut.first_lengths.front(), 2 + 3);
  EXPECT_THROW(features_of(set, {}, false, 4), UsageError);
}

TEST(SpanFeatures, ThreadsDoNotChangeTheResultAndPredictionHasTheSameRows) {
  QuestionSet set;
  for (int c = 0; c < 200; ++c) {
    set.contexts.push_back(letters(1 + c % 40, static_cast<char>('a' + c % 26)));
    for (int q = 0; q < 1 + c % 3; ++q) {
      set.questions.push_back(
          {"", letters(1 + q, 'q'), c, {{std::string(1, set.contexts.back()[0]), 0}}});
    }
  }
  const SpanOptions options{.doc_stride = 5};
  const FeatureSet one = features_of(set, options, false, 16, 1);
  EXPECT_EQ(one, features_of(set, options, false, 16, 7));
  const Tokenizer words = tokenizer();
  FeatureSet predicted;
  for (const Question& question : set.questions) {
    append_question(question.text, set.contexts[static_cast<size_t>(question.context)],
                    {words, options, 16}, predicted);
  }
  EXPECT_EQ(predicted.token_ids, one.token_ids);
  EXPECT_EQ(predicted.row_offsets, one.row_offsets);
  EXPECT_EQ(predicted.first_lengths, one.first_lengths);
  EXPECT_EQ(predicted.texts.tokens, one.texts.tokens);
  EXPECT_EQ(predicted.texts.questions.contexts, one.texts.questions.contexts);
}

TEST(ChoiceFeatures, AQuestionIsAnExampleOfSeveralRows) {
  const Tokenizer letters = tokenizer();
  const Example question{.text_a = "a b", .text_b = "c", .choices = {"d", "e f"}, .targets = {1}};
  const FeatureSet features = make_features({question, question}, letters, 16, 1);
  EXPECT_EQ(features.num_examples(), 2);
  EXPECT_EQ(features.num_rows(), 4);
  EXPECT_EQ(features.group_offsets, (std::vector<int64_t>{0, 2, 4}));
  EXPECT_EQ(features.targets, (std::vector<float>{1, 1}));
  PackedBatch batch;
  append_example(features, 0, 3, 7, batch);
  append_example(features, 1, 3, 9, batch);
  EXPECT_EQ(batch.num_examples(), 2);
  EXPECT_EQ(batch.group_offsets, (std::vector<int64_t>{0, 2, 4}));
  EXPECT_EQ(batch.row_ids, (std::vector<int64_t>{7, 8, 9, 10}));
  EXPECT_EQ(batch.segments.front().last_example, 2);
  const std::vector<int32_t> first(batch.token_ids.begin(), batch.token_ids.begin() + 7);
  EXPECT_EQ(first, (std::vector<int32_t>{kTestCls, id_of('a'), id_of('b'), kTestSep, id_of('c'),
                                         id_of('d'), kTestSep}));
}

}  // namespace
}  // namespace pals
