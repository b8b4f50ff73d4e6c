#include "predict/predictor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "data/test_tokens.h"
#include "model/test_models.h"

namespace pals {
namespace {

std::vector<Task> tiny_tasks() {
  Task two{.name = "two", .labels = {"no", "yes"}};
  Task value{.name = "value", .kind = TaskKind::kRegression, .label_scale = 5.0};
  Task three{.name = "three", .labels = {"a", "b\tc", "d"}};
  Task span{.name = "span", .kind = TaskKind::kSpan, .span = {.doc_stride = 3}};
  Task choice{.name = "choice", .kind = TaskKind::kMultipleChoice};
  return {two, value, three, span, choice};
}

/// Rows of letters, of any kind of task.
class LetterInput : public TextInput {
 public:
  explicit LetterInput(int count) : count_(count) {}

  bool next(InputRow& row) override {
    if (given_++ == count_) return false;
    row.texts.text_a = text(1 + random_.below(4));
    row.texts.text_b = text(random_.below(20));
    row.texts.choices.clear();
    for (uint64_t i = 0; i < 2 + random_.below(3); ++i) row.texts.choices.push_back(text(1 + i));
    return true;
  }
  bool at_hand(int /*milliseconds*/) override { return true; }

 private:
  std::string text(uint64_t words) {
    std::string text;
    for (uint64_t i = 0; i < words; ++i)
      text += letters(1, static_cast<char>('a' + random_.below(26)));
    return text;
  }

  int count_, given_ = 0;
  Random random_{5, 1};
};

LoadedModel tiny_loaded(const std::string& adapter) {
  LoadedModel loaded;
  loaded.description.bert = testing::tiny_bert();
  loaded.description.adapter = testing::tiny_adapter(adapter);
  loaded.description.tasks = tiny_tasks();
  loaded.description.max_seq_length = 14;
  loaded.tokenizer = std::make_unique<Tokenizer>(letter_tokenizer());
  loaded.model = testing::tiny_model(loaded.description.bert, loaded.description.adapter);
  return loaded;
}

std::vector<Prediction> ask(const LoadedModel& loaded, const std::vector<int>& tasks, int texts,
                            int64_t batch_size) {
  const Predictor predictor(loaded, tasks, batch_size);
  WindowReader reader(std::make_unique<LetterInput>(texts), *loaded.tokenizer,
                      loaded.description.max_seq_length, 1000, predictor.forms());
  return predictor.predict(*reader.next());
}

TEST(Predictor, SoftmaxOfLogits) {
  const std::vector<float> logits = {0.0F, std::log(6.0F), std::log(3.0F)};
  const Prediction prediction = make_prediction(tiny_tasks()[2], logits);
  EXPECT_EQ(prediction.label, 1);
  ASSERT_EQ(prediction.probabilities.size(), 3U);
  EXPECT_NEAR(prediction.probabilities[0], 0.1, 1e-6);
  EXPECT_NEAR(prediction.probabilities[1], 0.6, 1e-6);
  EXPECT_NEAR(prediction.probabilities[2], 0.3, 1e-6);
}

TEST(Predictor, LargeLogitsStayFinite) {
  const Prediction prediction = make_prediction(tiny_tasks()[0], std::vector<float>{-3e38F, 3e38F});
  EXPECT_EQ(prediction.label, 1);
  EXPECT_EQ(prediction.probabilities, (std::vector<double>{0.0, 1.0}));
}

TEST(Predictor, WrittenForms) {
  const std::vector<Task> tasks = tiny_tasks();
  const Prediction three = make_prediction(tasks[2], std::vector<float>{0.0F, 0.0F, -80.0F});
  EXPECT_EQ(prediction_to_tsv(tasks[2], three), "a\t0.5000");
  EXPECT_EQ(prediction_to_json(tasks[2], three)["label"], "a");
  EXPECT_EQ(prediction_to_json(tasks[2], three)["probabilities"]["b\tc"], 0.5);
  const Prediction tab = make_prediction(tasks[2], std::vector<float>{0.0F, 90.0F, 0.0F});
  EXPECT_EQ(prediction_to_tsv(tasks[2], tab), "b c\t1.0000");  // still two columns
  const Prediction value = make_prediction(tasks[1], std::vector<float>{0.5F});
  EXPECT_EQ(prediction_to_tsv(tasks[1], value), "2.5000");  // in the units of the data
  EXPECT_EQ(json_text(prediction_to_json(tasks[1], value), -1), "{\"value\":2.5}");
  EXPECT_EQ(tsv_columns(tasks[0]), "two.label\ttwo.probability");
  EXPECT_EQ(tsv_columns(tasks[1]), "value.value");
}

TEST(Predictor, WrittenFormsOfAnswersAndChoices) {
  std::vector<Task> tasks = tiny_tasks();
  Prediction span;
  span.answer = {
      .text = "a\nb", .probability = 0.25, .score = -1.5, .n_best = {}, .null_odds = 2.0};
  EXPECT_EQ(prediction_to_tsv(tasks[3], span), "a b\t0.2500\t-1.5000");
  EXPECT_EQ(json_text(prediction_to_json(tasks[3], span), -1),
            R"({"answer":"a\nb","probability":0.25,"score":-1.5})");
  tasks[3].span.unanswerable = true;
  EXPECT_EQ(prediction_to_json(tasks[3], span)["null_odds"], 2.0);
  EXPECT_EQ(tsv_columns(tasks[3]), "span.answer\tspan.probability\tspan.score");
  const Prediction choice = make_prediction(tasks[4], std::vector<float>{0.0F, 90.0F, 0.0F});
  EXPECT_EQ(prediction_to_tsv(tasks[4], choice), "1\t1.0000");
  EXPECT_EQ(prediction_to_json(tasks[4], choice)["choice"], 1);
  EXPECT_EQ(prediction_to_json(tasks[4], choice)["probabilities"].size(), 3U);
  EXPECT_EQ(tsv_columns(tasks[4]), "choice.choice\tchoice.probability");
}

TEST(Predictor, ChoosesTasks) {
  const std::vector<Task> tasks = tiny_tasks();
  EXPECT_EQ(find_tasks(tasks, "three,two", "--task"), (std::vector<int>{2, 0}));
  EXPECT_EQ(find_tasks(tasks, "all", "--task"), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_THROW(find_text_tasks(tasks, "all", "--task"), UsageError);
  EXPECT_EQ(find_text_tasks(tasks, "value", "--task"), std::vector<int>{1});
  EXPECT_EQ(find_tasks({tasks[1]}, "", "--task"), std::vector<int>{0});
  EXPECT_THROW(find_tasks(tasks, "", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,two", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "tow", "--task"), UsageError);
}

class MixedTasks : public ::testing::TestWithParam<const char*> {};

TEST_P(MixedTasks, AnswerAsEachTaskAlone) {
  const LoadedModel loaded = tiny_loaded(GetParam());
  const std::vector<int> order = {4, 2, 3, 0, 1};
  const std::vector<Prediction> mixed = ask(loaded, order, 29, 8);
  ASSERT_EQ(mixed.size(), 29U * 5);
  for (size_t place = 0; place < order.size(); ++place) {
    const std::vector<Prediction> alone = ask(loaded, {order[place]}, 29, 100);
    for (size_t row = 0; row < alone.size(); ++row) {
      const Prediction& one = mixed[row * 5 + place];
      EXPECT_NEAR(one.value, alone[row].value, 1e-4);
      EXPECT_EQ(one.answer.text, alone[row].answer.text);
      EXPECT_NEAR(one.answer.score, alone[row].answer.score, 1e-4);
      ASSERT_EQ(one.probabilities.size(), alone[row].probabilities.size());
      for (size_t i = 0; i < one.probabilities.size(); ++i) {
        EXPECT_NEAR(one.probabilities[i], alone[row].probabilities[i], 1e-5);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, MixedTasks,
                         ::testing::Values("none", "pals", "low_rank", "houlsby", "lhuc",
                                           "top_attention", "houlsby_pals"));

}  // namespace
}  // namespace pals
