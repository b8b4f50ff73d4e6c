#include <gtest/gtest.h>
#include <pals/encoder.h>
#include <pals/log.h>
#include <pals/multi_task.h>
#include <pals/multiple_choice.h>
#include <pals/question_answering.h>
#include <pals/sequence_classification.h>
#include <pals/threads.h>
#include <pals/tokenizer.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "model/model_folder.h"
#include "model/test_models.h"
#include "predict/runner.h"
#include "tasks/task.h"

namespace pals::api {
namespace {

// The library's enumerations are cast to the program's.
static_assert(static_cast<int>(TaskKind::kClassification) ==
              static_cast<int>(pals::TaskKind::kClassification));
static_assert(static_cast<int>(TaskKind::kRegression) ==
              static_cast<int>(pals::TaskKind::kRegression));
static_assert(static_cast<int>(TaskKind::kSpan) == static_cast<int>(pals::TaskKind::kSpan));
static_assert(static_cast<int>(TaskKind::kMultipleChoice) ==
              static_cast<int>(pals::TaskKind::kMultipleChoice));
static_assert(static_cast<int>(TaskKind::kMultiLabel) ==
              static_cast<int>(pals::TaskKind::kMultiLabel));
static_assert(static_cast<int>(TaskKind::kTagging) == static_cast<int>(pals::TaskKind::kTagging));
static_assert(std::size(pals::kTaskKinds) == 6);
static_assert(static_cast<int>(Pooling::kCls) == static_cast<int>(pals::Pooling::kCls));
static_assert(static_cast<int>(Pooling::kMean) == static_cast<int>(pals::Pooling::kMean));
static_assert(static_cast<int>(Pooling::kMax) == static_cast<int>(pals::Pooling::kMax));
static_assert(static_cast<int>(Pooling::kPooled) == static_cast<int>(pals::Pooling::kPooled));

const std::vector<TextPair> kTexts = {{"a b c", ""}, {"", ""}, {"d", "e a"}};

class Library : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    for (char c = 'a'; c <= 'z'; ++c) tokens += std::string(1, c) + "\n";
    ModelDescription description;
    description.bert = testing::tiny_bert();
    description.adapters.assign(4, testing::tiny_adapter("pals"));
    description.tasks = {
        {.name = "two", .labels = {"no", "yes"}, .metrics = {Metric::kAccuracy}},
        {.name = "value",
         .kind = pals::TaskKind::kRegression,
         .metrics = {Metric::kPearson},
         .label_scale = 5.0},
        {.name = "squad",
         .kind = pals::TaskKind::kSpan,
         .metrics = {Metric::kF1},
         .settings = SpanOptions{.doc_stride = 3}},
        {.name = "swag", .kind = pals::TaskKind::kMultipleChoice, .metrics = {Metric::kAccuracy}}};
    description.max_seq_length = 16;
    MultiTaskModel model(description.bert, description.adapters, head_specs(description.tasks),
                         at::kFloat);
    testing::randomise(model, 11);
    folder_ = ::testing::TempDir() + "pals_library_" + std::to_string(getpid());
    save_model_folder(folder_, model, description,
                      pals::Tokenizer(pals::Vocabulary::from_text(tokens, "test"), true));
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static void expect_near(std::span<const float> one, std::span<const float> other) {
    ASSERT_EQ(one.size(), other.size());
    for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], other[i], 1e-4);
  }

  static inline std::string folder_;
};

TEST_F(Library, TokenizerOfAFolder) {
  const Tokenizer tokenizer = load_tokenizer(folder_);
  EXPECT_EQ(tokenizer.tokenize("A b?"), (std::vector<std::string>{"a", "b", "[UNK]"}));
  EXPECT_EQ(tokenizer.encode("A b?"), (std::vector<int32_t>{4, 5, 1}));
  EXPECT_TRUE(tokenizer.do_lower_case());
  EXPECT_EQ(tokenizer.vocabulary().size(), 30);
  EXPECT_EQ(tokenizer.vocabulary().find("z"), 29);
  EXPECT_EQ(tokenizer.vocabulary().token(29), "z");
  EXPECT_THROW(tokenizer.vocabulary().token(30), UsageError);
  std::vector<int32_t> ids;
  EXPECT_EQ(encode_pair(tokenizer, "a", "b c d", 6, ids), 3);
  EXPECT_EQ(ids, (std::vector<int32_t>{2, 4, 3, 5, 6, 3}));
  EXPECT_THROW(encode_pair(tokenizer, "a", "b", 2, ids), UsageError);
  EXPECT_THROW(load_tokenizer(folder_ + "/nowhere"), Error);
}

TEST_F(Library, LinesArePairs) {
  const TextPair tab = split_line("a\tb\tc", LineRule::kTab),
                 bars = split_line("a ||| b", LineRule::kBars);
  EXPECT_EQ(tab.a, "a");
  EXPECT_EQ(tab.b, "b\tc");
  EXPECT_EQ(bars.a, "a");
  EXPECT_EQ(bars.b, "b");
}

TEST_F(Library, EncoderCutsOutEachText) {
  const Encoder encoder(folder_);
  EXPECT_TRUE(encoder.has_pooler());
  const EncodedTexts encoded = encoder.encode(kTexts);
  ASSERT_EQ(encoded.num_texts(), 3);
  EXPECT_EQ(encoded.num_tokens(), 5 + 2 + 6);
  ASSERT_EQ(encoded.num_layers(), 2);
  const auto width = static_cast<size_t>(encoded.hidden_size());
  const std::span<const int32_t> ids = encoded.token_ids(2);
  EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), (std::vector<int32_t>{2, 7, 3, 8, 4, 3}));
  EXPECT_EQ(encoded.layer(-1).data(), encoded.layer(1).data());
  EXPECT_EQ(encoded.layer(0).size(), 13 * width);
  EXPECT_NE(encoded.layer(0)[0], encoded.layer(1)[0]);
  EXPECT_EQ(encoded.layer(0, 2).data(), encoded.layer(0).data() + 7 * width);
  EXPECT_EQ(encoded.layer(0, 2).size(), 6 * width);
  const std::vector<float> means = encoder.vectors(kTexts, Pooling::kMean);
  for (size_t i = 0; i < kTexts.size(); ++i) {  // alone as among others
    const EncodedTexts alone = encoder.encode({kTexts[i]});
    const std::span<const float> layer = encoded.layer(-1, static_cast<int64_t>(i));
    expect_near(alone.layer(-1), layer);
    expect_near(alone.pooled(), encoded.pooled().subspan(i * width, width));
    std::vector<float> mean(width);
    for (size_t at = 0; at < layer.size(); ++at) {
      mean[at % width] += layer[at] / static_cast<float>(layer.size() / width);
    }
    expect_near(mean, std::span(means).subspan(i * width, width));
  }
  expect_near(encoder.vectors(kTexts, Pooling::kPooled), encoded.pooled());
}

TEST_F(Library, EncoderWithATasksAdapter) {
  EncoderOptions options;
  options.model = folder_;
  options.task = "two";
  EXPECT_NE(Encoder(options).encode(kTexts).layer(-1)[0],
            Encoder(folder_).encode(kTexts).layer(-1)[0]);
}

TEST_F(Library, EncoderRefusesWhatIsNotThere) {
  const Encoder encoder(folder_, 4);
  EXPECT_EQ(encoder.encode({kTexts[0]}).num_tokens(), 4);
  EXPECT_THROW(Encoder(folder_, 17), UsageError);  // of 16 positions
  EXPECT_THROW(encoder.encode({}), UsageError);
  const EncodedTexts encoded = encoder.encode(kTexts);
  EXPECT_THROW(encoded.layer(2), UsageError);
  EXPECT_THROW(encoded.layer(-3), UsageError);
  EXPECT_THROW(encoded.token_ids(3), UsageError);
  EXPECT_THROW(encoded.layer(0, -1), UsageError);
}

TEST_F(Library, OneTaskAsAmongSeveral) {
  const MultiTaskPredictor several(folder_);
  ASSERT_EQ(several.tasks().size(), 4U);
  EXPECT_EQ(several.tasks()[1].kind, TaskKind::kRegression);
  EXPECT_STREQ(kind_name(several.tasks()[1].kind), "regression");
  EXPECT_EQ(several.max_seq_length(), 16);
  const auto both = several.predict(kTexts, "value,two");
  ASSERT_EQ(both.size(), kTexts.size());
  const SequenceClassifier two(folder_, "two"), value(folder_, "value");
  EXPECT_EQ(two.task().labels, (std::vector<std::string>{"no", "yes"}));
  const std::vector<Prediction> labels = two.classify(kTexts), values = value.classify(kTexts);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    ASSERT_EQ(both[i].size(), 2U);
    EXPECT_NEAR(both[i][0].value, values[i].value, 1e-4);
    EXPECT_EQ(both[i][0].label, -1);
    EXPECT_EQ(both[i][1].label, labels[i].label);
    EXPECT_NEAR(both[i][1].probabilities[1], labels[i].probabilities[1], 1e-5);
  }
  EXPECT_EQ(several.predict({}, "two").size(), 0U);
}

TEST_F(Library, ExamplesOfAnyKindInOnePass) {
  const MultiTaskPredictor several(folder_);
  EXPECT_FALSE(several.on_gpu());
  const std::vector<Example> examples = {{"a b", "d e f g h", {"c", "d e"}},
                                         {"a", "f g", {"b", "c"}}};
  const auto given = several.predict_examples(examples, "squad,two,swag");
  ASSERT_EQ(given.size(), 2U);
  const QuestionAnswerer answerer(folder_, "squad");
  const MultipleChoice chooser(folder_, "swag");
  for (size_t i = 0; i < examples.size(); ++i) {
    ASSERT_EQ(given[i].size(), 3U);
    EXPECT_EQ(given[i][0].answer.text,
              answerer.answer(examples[i].text_a, examples[i].text_b).text);
    EXPECT_EQ(given[i][1].probabilities.size(), 2U);
    EXPECT_NEAR(given[i][2].probabilities[0], chooser.choose(examples[i]).probabilities[0], 1e-5);
  }
  EXPECT_THROW(several.predict_examples({{"a", "b", {}}}, "swag"), UsageError);
  EXPECT_THROW(several.predict_examples(examples, "three"), UsageError);
}

TEST_F(Library, VectorsOfALoadedTask) {
  const MultiTaskPredictor several(folder_);
  EncoderOptions options;
  options.model = folder_;
  options.task = "two";
  const Encoder encoder(options);
  EXPECT_EQ(several.hidden_size(), encoder.hidden_size());
  for (const int length : {0, 4}) {
    expect_near(several.vectors(kTexts, "two", {.normalize = true, .max_seq_length = length}),
                encoder.vectors(kTexts, {.normalize = true, .max_seq_length = length}));
  }
  EXPECT_THROW(several.vectors(kTexts, ""), UsageError);  // there are several
  EXPECT_THROW(several.vectors(kTexts, "two", {.max_seq_length = 17}), UsageError);
  EXPECT_THROW(encoder.vectors(kTexts, {.max_seq_length = 17}), UsageError);
}

TEST_F(Library, WhatIsStoppedThrows) {
  std::stop_source stop;
  stop.request_stop();
  const MultiTaskPredictor several(folder_);
  EXPECT_THROW(several.predict(kTexts, "two", stop.get_token()), Error);
  EXPECT_THROW(several.vectors(kTexts, "two", {.stop = stop.get_token()}), Error);
  EXPECT_THROW(Encoder(folder_).vectors(kTexts, {.stop = stop.get_token()}), Error);
}

TEST_F(Library, NumbersOfThreadsAreChecked) {
  EXPECT_THROW(use_threads(-1), UsageError);
  EXPECT_THROW(use_threads(1025), UsageError);
}

TEST_F(Library, TheLogGoesWhereItIsSent) {
  std::vector<std::string> lines;
  redirect_log([&](const std::string& line) { lines.push_back(line); });
  use_threads(300);
  redirect_log({});
  use_threads(0);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("warning: threads 300 is more"));
}

TEST_F(Library, QuestionsAreAnsweredInWordsOfTheContext) {
  const QuestionAnswerer answerer(folder_, "squad");
  const std::string context = "d e f g h";
  const PredictedAnswer answer = answerer.answer("a b", context);
  ASSERT_FALSE(answer.n_best.empty());
  EXPECT_EQ(answer.text, answer.n_best.front().text);
  EXPECT_NE(context.find(answer.text), std::string::npos);
}

TEST_F(Library, ChoicesHaveProbabilities) {
  const MultipleChoice model(folder_, "swag");
  const Prediction prediction = model.choose({"a", "b", {"c", "d e", "f"}});
  ASSERT_EQ(prediction.probabilities.size(), 3U);
  double sum = 0.0;
  for (const double probability : prediction.probabilities) {
    EXPECT_LE(probability, prediction.probabilities[static_cast<size_t>(prediction.label)]);
    sum += probability;
  }
  EXPECT_NEAR(sum, 1.0, 1e-9);
  EXPECT_THROW(model.choose({"a", "b", {}}), UsageError);
}

TEST_F(Library, WrongNamesAreRefused) {
  EXPECT_THROW(SequenceClassifier(folder_, "three"), UsageError);
  EXPECT_THROW(SequenceClassifier(folder_, ""), UsageError);  // there are several
  EXPECT_THROW(SequenceClassifier(folder_, "squad"), UsageError);
  EXPECT_THROW(QuestionAnswerer(folder_, "two"), UsageError);
  EXPECT_THROW(MultipleChoice(folder_, "squad"), UsageError);
  EXPECT_THROW(SequenceClassifier(folder_ + "/nowhere", "two"), Error);
  EXPECT_THROW(MultiTaskPredictor(folder_, {.precision = "fp8"}), UsageError);
  EXPECT_THROW(MultiTaskPredictor(folder_, {.batch_size = 0}), UsageError);
}

}  // namespace
}  // namespace pals::api
