#include "model/label_order.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

using Order = std::vector<int64_t>;

Task nli() { return {.name = "mnli", .labels = {"contradiction", "entailment", "neutral"}}; }

Order order(const char* config) { return output_order(Json::parse(config), nli(), "c.json"); }

std::string refusal(const char* config) {
  try {
    order(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(OutputOrder, GoesByName) {
  EXPECT_EQ(order(R"({"id2label": {"0": "contradiction", "1": "neutral", "2": "entailment"}})"),
            (Order{0, 2, 1}));
  EXPECT_EQ(order(R"({"id2label": {"2": "CONTRADICTION", "0": "Entailment ", "1": "neutral"}})"),
            (Order{2, 0, 1}));
  EXPECT_EQ(order(R"({"label2id": {"neutral": 0, "contradiction": 2, "entailment": 1}})"),
            (Order{2, 1, 0}));
  EXPECT_EQ(order(R"({"id2label": {"0": "contradiction", "1": "entailment", "2": "neutral"}})"),
            Order{});
}

TEST(OutputOrder, AnotherProblemIsRefused) {
  const auto of_kind = [](TaskKind kind, const char* problem) {
    Task task = nli();
    task.kind = kind;
    return output_order(Json{{"problem_type", problem}, {"id2label", Json()}}, task, "c.json");
  };
  constexpr std::pair<TaskKind, const char*> kOwn[] = {
      {TaskKind::kClassification, "single_label_classification"},
      {TaskKind::kMultiLabel, "multi_label_classification"},
      {TaskKind::kRegression, "regression"}};
  for (const auto& [kind, own] : kOwn) {
    for (const auto& [other, problem] : kOwn) {
      if (other == kind) continue;
      EXPECT_THROW(of_kind(kind, problem), UsageError) << problem;
    }
  }
  EXPECT_EQ(of_kind(TaskKind::kRegression, "regression"), Order{});
  EXPECT_NE(
      refusal(R"({"problem_type": "multi_label_classification"})").find("\"problem_type\" is"),
      std::string::npos);
}

TEST(OutputOrder, PunctuationDoesNotCount) {
  const Task task{.name = "rte", .labels = {"entailment", "not_entailment"}};
  const Json config = Json::parse(R"({"id2label": {"0": "not entailment", "1": "entailment"}})");
  EXPECT_EQ(output_order(config, task, "c.json"), (Order{1, 0}));
  for (const char* name :
       {"not  entailment", " Not\tEntailment ", "not _ entailment", "NOT-ENTAILMENT"}) {
    const Json other = {{"id2label", {{"0", name}, {"1", "entailment"}}}};
    EXPECT_EQ(output_order(other, task, "c.json"), (Order{1, 0})) << name;
  }
  const Task signs{.name = "signs", .labels = {"-1", "1"}};
  EXPECT_EQ(output_order(Json::parse(R"({"id2label": {"0": "1", "1": "-1"}})"), signs, "c.json"),
            (Order{1, 0}));
}

TEST(OutputOrder, TagsAndLabelListsGoByNameToo) {
  const Json config = Json::parse(R"({"id2label": {"0": "O", "1": "I-x", "2": "B-x"}})");
  Task task{.name = "ner", .kind = TaskKind::kTagging, .labels = {"B-x", "I-x", "O"}};
  EXPECT_EQ(output_order(config, task, "c.json"), (Order{2, 1, 0}));
  task.kind = TaskKind::kMultiLabel;
  EXPECT_EQ(output_order(config, task, "c.json"), (Order{2, 1, 0}));
}

TEST(OutputOrder, LabelsThatDifferInCaseGoByTheirLetters) {
  const Task task{.name = "units", .labels = {"M", "m"}};
  EXPECT_EQ(output_order(Json::parse(R"({"id2label": {"0": "m", "1": "M"}})"), task, "c.json"),
            (Order{1, 0}));
}

TEST(OutputOrder, NumbersAreNoNames) {
  EXPECT_EQ(order("{}"), Order{});
  EXPECT_EQ(order(R"({"id2label": null})"), Order{});
  EXPECT_EQ(order(R"({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})"), Order{});
  EXPECT_EQ(order(R"({"id2label": {"0": "0", "1": "1", "2": "2"}})"), Order{});
  const Task binary{.name = "cola", .labels = {"0", "1"}};
  EXPECT_EQ(output_order(Json::parse(R"({"id2label": {"0": "1", "1": "0"}})"), binary, "c.json"),
            (Order{1, 0}));
  const Task value{.name = "sts", .kind = TaskKind::kRegression};
  EXPECT_EQ(output_order(Json::parse(R"({"id2label": {"0": "x"}})"), value, "c.json"), Order{});
}

TEST(OutputOrder, OtherNamesStop) {
  EXPECT_EQ(
      refusal(R"({"id2label": {"0": "a", "1": "neutral", "2": "entailment"}})"),
      "c.json: id2label calls the outputs \"a\", \"neutral\", \"entailment\", the labels of task "
      "\"mnli\" are \"contradiction\", \"entailment\", \"neutral\"; name them alike in a task "
      "file, or take id2label out of the configuration if their order is the same");
  for (const char* bad : {R"({"id2label": ["a"]})", R"({"id2label": {"0": "a", "2": "b"}})",
                          R"({"id2label": {"0": 1}})", R"({"id2label": {"x": "a"}})",
                          R"({"id2label": {"0": "a", "00": "b"}})", R"({"label2id": {"a": "0"}})",
                          R"({"label2id": {"a": 0, "b": 0}})"}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
}

}  // namespace
}  // namespace pals
