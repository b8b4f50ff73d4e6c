#include "eval/answers.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

Tokenizer tokenizer() {
  return Tokenizer(Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwho\nsmith\n'\ns\nhouse\n"
                                         "##s\nin\nold\n,\ntown\n",
                                         "words"),
                   true);
}

TEST(ProjectAnswer, FindsThePieceOfTheOriginal) {
  EXPECT_EQ(project_answer("smith ' s", "Smith's", WordRules()), "Smith's");
  EXPECT_EQ(project_answer("smith", "(Smith's)", WordRules()), "Smith");
  EXPECT_EQ(project_answer("jose", "Jos\xC3\xA9,", WordRules()), "Jos\xC3\xA9");
  EXPECT_EQ(project_answer("[UNK] x", "Zz x", WordRules()), "Zz x") << "not found: all of it";
  EXPECT_EQ(project_answer("steve", "Steve\xE2\x80\x8B Smith", WordRules()),
            "Steve\xE2\x80\x8B Smith")
      << "characters that are dropped leave no way to count";
}

/// A question over "Old Smith's houses, in town": tokens old smith ' s house ##s , in town.
class ChooseAnswer : public testing::Test {
 protected:
  ChooseAnswer() {
    FeatureSet features;
    append_question("who", text_, {words_, options_, kLength}, features);
    rows_ = span_rows(features.first_lengths.front(),
                      static_cast<int64_t>(context_.token_ids.size()), options_, kLength);
    logits_.assign(2 * features.token_ids.size(), -5.0F);
  }

  /// The logits of a token of the context in a window.
  void set(size_t window, int64_t start, float start_logit, int64_t end, float end_logit) {
    logits_[place(window, start)] = start_logit;
    logits_[place(window, end) + 1] = end_logit;
  }
  void set_null(size_t window, float logit) {
    logits_[row(window)] = logits_[row(window) + 1] = logit;
  }
  size_t row(size_t window) const {
    int64_t tokens = 0;
    for (size_t w = 0; w < window; ++w) tokens += rows_.row_length(w);
    return static_cast<size_t>(2 * tokens);
  }
  size_t place(size_t window, int64_t token) const {
    return row(window) +
           static_cast<size_t>(2 * (rows_.first_length + token - rows_.windows[window].first));
  }
  PredictedAnswer choose() const {
    return choose_answer(words_, context_, rows_, logits_, options_);
  }

  static constexpr int kLength = 9;  // [CLS] who [SEP], 5 tokens of the context, [SEP]
  const std::string text_ = "Old Smith's houses, in town";
  Tokenizer words_ = tokenizer();
  SpanContext context_ = split_context(words_, text_);
  SpanOptions options_{.doc_stride = 4};
  SpanRows rows_;
  std::vector<float> logits_;
};

TEST_F(ChooseAnswer, TakesTheBestSpanInTheWordsOfTheContext) {
  ASSERT_EQ(rows_.windows.size(), 2U);
  set(0, 1, 4.0F, 3, 3.0F);
  set(1, 7, 2.0F, 8, 3.0F);
  const PredictedAnswer answer = choose();
  EXPECT_EQ(answer.text, "Smith's");
  ASSERT_GE(answer.n_best.size(), 2U);
  EXPECT_EQ(answer.n_best[0].text, "Smith's");
  EXPECT_EQ(answer.n_best[0].start_logit, 4.0);
  EXPECT_EQ(answer.n_best[1].text, "in town");
  double sum = 0.0;
  for (const RankedAnswer& ranked : answer.n_best) sum += ranked.probability;
  EXPECT_NEAR(sum, 1.0, 1e-9);
  EXPECT_EQ(answer.probability, answer.n_best[0].probability);
}

TEST_F(ChooseAnswer, StartsWhereTheRowHoldsMoreOfTheContext) {
  // Token 4 is the last of the first window and the first of the second, which is no shorter: the
  // first one has it.
  set(1, 4, 9.0F, 5, 9.0F);
  EXPECT_NE(choose().text, "houses,");
  set(0, 4, 9.0F, 4, 9.0F);
  EXPECT_EQ(choose().text, "house");
}

TEST_F(ChooseAnswer, SpansAreNotTooLongAndNotBackwards) {
  set(0, 3, 9.0F, 1, 9.0F);
  set(1, 7, 3.0F, 8, 3.0F);
  EXPECT_EQ(choose().text, "in town");
  options_.max_answer_length = 1;
  EXPECT_NE(choose().text, "in town");
}

TEST_F(ChooseAnswer, SpecialTokensAndTheQuestionAreNoAnswers) {
  for (size_t token = 0; token < 3; ++token) logits_[2 * token] = logits_[2 * token + 1] = 50.0F;
  set(1, 7, 3.0F, 8, 3.0F);
  EXPECT_EQ(choose().text, "in town");
}

TEST_F(ChooseAnswer, NoAnswerWinsByTheThreshold) {
  set(0, 1, 4.0F, 3, 3.0F);
  set_null(0, 6.0F);
  set_null(1, 4.0F);  // the row that is surest that the answer is in it counts
  EXPECT_EQ(choose().text, "Smith's");
  options_.unanswerable = true;
  PredictedAnswer answer = choose();
  EXPECT_EQ(answer.text, "");
  EXPECT_DOUBLE_EQ(answer.null_odds, 8.0 - 7.0);
  EXPECT_EQ(answer.n_best[0].text, "");
  options_.null_threshold = 1.5;
  answer = choose();
  EXPECT_EQ(answer.text, "Smith's");
  EXPECT_LT(answer.probability, 0.5);
}

TEST_F(ChooseAnswer, KeepsNBestDifferentTexts) {
  options_.n_best_size = 3;
  set(0, 1, 4.0F, 3, 3.0F);
  set(0, 0, 1.0F, 0, 1.0F);
  set(1, 7, 2.0F, 8, 3.0F);
  const PredictedAnswer answer = choose();
  EXPECT_EQ(answer.n_best.size(), 3U);
  EXPECT_NE(answer.n_best[1].text, answer.n_best[2].text);
}

TEST_F(ChooseAnswer, WholeSetsAreAnsweredAsSingleQuestions) {
  QuestionSet set{{text_, "town"}, {}};
  for (int q = 0; q < 3; ++q) set.questions.push_back({std::to_string(q), "who", q / 2, {}});
  const SpanRules rules{words_, options_, kLength};
  FeatureSet features = make_span_features(set, rules, false);
  std::vector<float> logits(2 * features.token_ids.size());
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 37) % 23);
  const auto answers = choose_answers(features, logits, rules, 3);
  ASSERT_EQ(answers.size(), 3U);
  for (size_t q = 0; q < 2; ++q) {
    const auto first = static_cast<size_t>(2 * features.row_offsets[2 * q]);
    const PredictedAnswer alone = choose_answer(
        words_, context_, rows_, std::span<const float>(logits).subspan(first), options_);
    EXPECT_EQ(answers[q].text, alone.text);
    EXPECT_EQ(answers[q].n_best.size(), alone.n_best.size());
  }
  EXPECT_EQ(answers[2].text, "town");
  features.texts.questions.questions.pop_back();
  EXPECT_THROW(choose_answers(features, logits, rules), Error);
}

}  // namespace
}  // namespace pals
