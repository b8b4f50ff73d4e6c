#include "predict/label_rules.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "kinds/kind.h"
#include "predict/test_runner.h"

namespace pals {
namespace {

using Fields = std::vector<std::string>;

class LabelRulesTest : public ::testing::Test {
 protected:
  const Task& task(const std::string& name) const {
    return *std::ranges::find(tasks_, name, &Task::name);
  }
  Prediction said(const std::string& name, const std::vector<float>& logits) const {
    return kind_of(task(name)).decode_example(task(name), logits);
  }
  std::string top(const std::string& name, const Prediction& prediction,
                  const LabelRules& rules) const {
    return json_text(top_json(task(name), prediction, rules), -1);
  }

  std::vector<Task> tasks_ = testing::asked_tasks();
};

TEST_F(LabelRulesTest, WhatTasksTheyAreFor) {
  const auto check = [&](const char* name, const LabelRules& rules) {
    check_label_rules(rules, {&task(name)});
  };
  for (const char* name : {"value", "span", "choice", "tags"}) {
    EXPECT_NO_THROW(check(name, {}));
    EXPECT_THROW(check(name, {.top_k = 1}), UsageError) << name;
    EXPECT_THROW(check(name, {.threshold = 0.5}), UsageError) << name;
  }
  EXPECT_NO_THROW(check("two", {.threshold = 0.5, .top_k = 1}));
  EXPECT_NO_THROW(check("labels", {.threshold = 0.5, .top_k = 1}));
  EXPECT_NO_THROW(check("three", {.top_k = 1}));
  EXPECT_THROW(check("three", {.threshold = 0.5}), UsageError);
}

TEST_F(LabelRulesTest, ThresholdOfOneOfTwoLabels) {
  Prediction prediction = said("two", {1.0F, 0.0F});  // 0.73 and 0.27
  apply_threshold(task("two"), 0.2, prediction);
  EXPECT_EQ(prediction.label, 1);
  EXPECT_EQ(kind_of(task("two")).fields(task("two"), prediction), (Fields{"yes", "0.2689"}));
  apply_threshold(task("two"), 0.27, prediction);
  EXPECT_EQ(prediction.label, 0);
  prediction = said("two", {0.0F, 0.0F});
  apply_threshold(task("two"), 0.5, prediction);
  EXPECT_EQ(prediction.label, 0) << "above, not at";
}

TEST_F(LabelRulesTest, ThresholdOfAnyLabels) {
  Prediction prediction = said("labels", {2.0F, -2.0F, 0.5F});
  apply_threshold(task("labels"), 0.1, prediction);
  EXPECT_EQ(prediction.labels, (std::vector<int32_t>{0, 1, 2}));
  apply_threshold(task("labels"), 0.7, prediction);
  EXPECT_EQ(prediction.labels, std::vector<int32_t>{0});
  apply_threshold(task("labels"), 1.0, prediction);
  EXPECT_TRUE(prediction.labels.empty());
}

TEST_F(LabelRulesTest, LikeliestOfOneLabel) {
  const Prediction prediction = said("three", {0.0F, -90.0F, 0.0F});
  EXPECT_EQ(top("three", prediction, {.top_k = 2}),
            R"({"label":"a","probabilities":{"a":0.5,"d":0.5}})");
  EXPECT_EQ(top_names(task("three"), {.top_k = 2}),
            (Fields{"label", "probability", "label_2", "probability_2"}));
  EXPECT_EQ(top_fields(task("three"), prediction, {.top_k = 2}),
            (Fields{"a", "0.5000", "d", "0.5000"}));
  EXPECT_EQ(top_fields(task("three"), prediction, {.top_k = 9}),
            (Fields{"a", "0.5000", "d", "0.5000", "b c", "0.0000"}));
  EXPECT_EQ(top_names(task("three"), {.top_k = 9}).size(), 6U);
}

TEST_F(LabelRulesTest, TheLikeliestStandsFirstBesideAThreshold) {
  Prediction prediction = said("two", {90.0F, 0.0F});
  apply_threshold(task("two"), 0.0, prediction);
  const LabelRules one = {.threshold = 0.0, .top_k = 1}, more = {.threshold = 0.0, .top_k = 9};
  EXPECT_EQ(top_names(task("two"), one), (Fields{"label", "probability", "answer"}));
  EXPECT_EQ(top_fields(task("two"), prediction, one), (Fields{"no", "1.0000", "yes"}));
  EXPECT_EQ(top_names(task("two"), more),
            (Fields{"label", "probability", "label_2", "probability_2", "answer"}));
  EXPECT_EQ(top_fields(task("two"), prediction, more),
            (Fields{"no", "1.0000", "yes", "0.0000", "yes"}));
  const OrderedJson json = top_json(task("two"), prediction, more);
  EXPECT_EQ(json["label"], "yes");
  EXPECT_EQ(json["probabilities"].items().begin().key(), "no");
}

TEST_F(LabelRulesTest, LikeliestOfAnyLabels) {
  Prediction prediction = said("labels", {0.0F, 90.0F, -90.0F});
  apply_threshold(task("labels"), 0.4, prediction);
  EXPECT_EQ(top("labels", prediction, {.top_k = 2}),
            R"({"labels":["y","x"],"probabilities":{"y":1.0,"x":0.5}})");
  EXPECT_EQ(top("labels", prediction, {.top_k = 1}),
            R"({"labels":["y"],"probabilities":{"y":1.0}})");
  EXPECT_EQ(top_fields(task("labels"), prediction, {.top_k = 3}), (Fields{"y,x", "1.0000,0.5000"}));
  EXPECT_EQ(top_names(task("labels"), {.threshold = 0.4, .top_k = 3}),
            (Fields{"labels", "probabilities"}));
}

}  // namespace
}  // namespace pals
