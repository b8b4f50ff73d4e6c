#include "predict/predictor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "model/test_models.h"

namespace pals {
namespace {

std::vector<Task> tiny_tasks() {
  Task two{.name = "two", .labels = {"no", "yes"}};
  Task value{.name = "value", .kind = TaskKind::kRegression, .label_scale = 5.0};
  Task three{.name = "three", .labels = {"a", "b\tc", "d"}};
  return {two, value, three};
}

/// Rows of ids without meaning, for the tiny models.
FeatureSet tiny_window(int64_t rows) {
  FeatureSet window;
  Random random(5, 1);
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t length = 2 + random.below(12);
    for (uint64_t t = 0; t < length; ++t) {
      window.token_ids.push_back(static_cast<int32_t>(random.below(40)));
    }
    window.end_row(static_cast<int32_t>(1 + random.below(length)));
    window.end_example({});
  }
  return window;
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

TEST(Predictor, ChoosesTasks) {
  const std::vector<Task> tasks = tiny_tasks();
  EXPECT_EQ(find_tasks(tasks, "three,two", "--task"), (std::vector<int>{2, 0}));
  EXPECT_EQ(find_tasks(tasks, "all", "--task"), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(find_tasks({tasks[1]}, "", "--task"), std::vector<int>{0});
  EXPECT_THROW(find_tasks(tasks, "", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,two", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "two,", "--task"), UsageError);
  EXPECT_THROW(find_tasks(tasks, "tow", "--task"), UsageError);
}

class MixedTasks : public ::testing::TestWithParam<const char*> {};

TEST_P(MixedTasks, AnswerAsEachTaskAlone) {
  const auto model = testing::tiny_model(testing::tiny_bert(), testing::tiny_adapter(GetParam()));
  const std::vector<Task> tasks = tiny_tasks();
  const FeatureSet window = tiny_window(29);
  const std::vector<int> order = {2, 0, 1};
  const std::vector<Prediction> mixed = predict_window(*model, tasks, order, window, 8);
  ASSERT_EQ(mixed.size(), 29U * 3);
  for (size_t place = 0; place < order.size(); ++place) {
    const std::vector<Prediction> alone =
        predict_window(*model, tasks, {order[place]}, window, 100);
    for (size_t row = 0; row < alone.size(); ++row) {
      const Prediction& one = mixed[row * 3 + place];
      EXPECT_NEAR(one.value, alone[row].value, 1e-4);
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
