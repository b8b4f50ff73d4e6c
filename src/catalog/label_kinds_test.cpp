// Files of several labels a row and of tags, as task files describe them.
#include <gtest/gtest.h>

#include "catalog/class_weights.h"
#include "catalog/reader.h"
#include "catalog/task_file.h"
#include "catalog/task_json.h"
#include "kinds/kind.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

using Targets = std::vector<float>;

class LabelKinds : public testing::Test {
 protected:
  /// The task of a task file with one training file `name` of this content.
  Task task(const std::string& keys, const std::string& name, const std::string& content) const {
    folder_.write(name, content);
    const std::string path = folder_.write(
        "tasks.json",
        concat(R"({"tasks": [{"name": "t", )", keys, R"(, "train": ")", name, "\"}]}"));
    return read_task_file(path).front();
  }
  static std::vector<Targets> targets_of(const Task& task) {
    std::vector<Targets> all;
    for (const Example& example : read_examples(task, task.files.front(), "").examples) {
      all.push_back(example.targets);
      EXPECT_TRUE(example.choices.empty());
    }
    return all;
  }
  std::string error(const std::string& keys, const std::string& name,
                    const std::string& content) const {
    return message_of([&] { targets_of(task(keys, name, content)); });
  }

  TemporaryFolder folder_;
};

TEST_F(LabelKinds, LabelsStandInAListAColumnOrColumns) {
  const std::vector<Targets> wanted = {{1, 1}, {0, 0}, {0, 1}};
  const Task list = task(R"("kind": "multi_label", "text_a": "a", "label": "b")", "l.jsonl",
                         "{\"a\": \"x\", \"b\": [\"z\", \"y\"]}\n{\"a\": \"x\", \"b\": []}\n"
                         "{\"a\": \"x\", \"b\": [\"z\"]}\n");
  EXPECT_EQ(list.labels, (std::vector<std::string>{"y", "z"}));
  EXPECT_EQ(targets_of(list), wanted);
  const Task one = task(R"("kind": "multi_label", "text_a": 0, "label": 1, "label_separator": "|",
                           "header": false)",
                        "o.tsv", "x\ty|z\nx\t\nx\t z \n");
  EXPECT_EQ(one.labels, list.labels);
  EXPECT_EQ(targets_of(one), wanted);
  const Task named = task(R"("kind": "multi_label", "text_a": "a", "label_columns": ["z", "y"])",
                          "n.csv", "a,y,z\nx,1,1\nx,0,0\nx,0,1\n");
  EXPECT_EQ(named.labels, list.labels);
  EXPECT_EQ(targets_of(named), wanted);
  const Task numbered =
      task(R"("kind": "multi_label", "labels": ["y", "z"], "text_a": 0, "label_columns": [1, 2],
                 "header": false)",
           "m.tsv", "x\t1\t1\nx\t0\t0\nx\t0\t1\n");
  EXPECT_EQ(targets_of(numbered), wanted);
  for (const Task& task : {list, one, named, numbered}) {
    EXPECT_EQ(task_from_json(task_to_json(task), "t"), task);
  }
}

TEST_F(LabelKinds, MistakesInLabelsAreTold) {
  const std::string list =
      R"("kind": "multi_label", "labels": ["y", "z"], "text_a": "a", "label": "b")";
  expect_contains(error(list, "l.jsonl", "{\"a\": \"x\", \"b\": [\"yy\"]}\n"),
                  "unknown label \"yy\"");
  expect_contains(error(list, "l.jsonl", "{\"a\": \"x\", \"b\": \"y\"}\n"), "want a list");
  const std::string bits =
      R"("kind": "multi_label", "labels": ["y", "z"], "text_a": 0, "label_columns": [1, 2])";
  expect_contains(error(bits, "m.tsv", "x\t1\t2\n"), "m.tsv:1: got \"2\" for the label \"z\"");
  expect_contains(error(bits, "m.tsv", "x\t1\t\n"), "want 0 or 1");
  expect_contains(
      error(R"("kind": "multi_label", "text_a": 0, "label_columns": [1, 2])", "m.tsv", "x\t1\t0\n"),
      "given by number");
  expect_contains(
      error(
          R"("kind": "multi_label", "labels": ["y", "z"], "text_a": 0, "label_columns": [1, 2, 3])",
          "m.tsv", "x\t1\t0\t1\n"),
      "3 \"label_columns\", but the task 2 labels");
  // One of the columns has a label's name, of another label than its number says.
  expect_contains(
      error(
          R"("kind": "multi_label", "labels": ["y", "z"], "text_a": "a", "label_columns": ["z", "x"])",
          "n.csv", "a,z,x\nb,1,0\n"),
      "\"x\" has not");
}

TEST_F(LabelKinds, TagsAreAllOfTheTypesThatThereAre) {
  const Task bio = task(R"("kind": "tagging")", "t.conll", "a B-X\nb O\n");
  EXPECT_EQ(bio.labels, (std::vector<std::string>{"B-X", "I-X", "O"}));
  EXPECT_EQ(targets_of(bio), (std::vector<Targets>{{0, 2}}));
  const Task plain =
      task(R"("kind": "tagging", "scheme": "plain")", "t.conllu", "1\ta\ta\tNOUN\n2\tb\tb\tVERB\n");
  EXPECT_EQ(plain.labels, (std::vector<std::string>{"NOUN", "VERB"}));
  EXPECT_EQ(plain.metrics, (std::vector<Metric>{Metric::kAccuracy}));
  EXPECT_EQ(targets_of(plain), (std::vector<Targets>{{0, 1}}));
  const Task words = task(R"("kind": "tagging", "tokens": "w")", "t.jsonl",
                          "{\"w\": [\"New York\", \"b\"], \"tags\": [\"B-X\", \"I-X\"]}\n");
  EXPECT_EQ(targets_of(words), (std::vector<Targets>{{0, 1}}));
  for (const Task& task : {bio, plain, words}) {
    EXPECT_EQ(task_from_json(task_to_json(task), "t"), task);
  }
}

TEST_F(LabelKinds, SpansMarkTheWordsThatTheyTouch) {
  const std::string file =
      "{\"text\": \"(\xC3\x9Cst) of b, c\", \"spans\": [[1, 4, \"X\"], [9, 13, \"Y\"]]}\n";
  const std::string keys = R"("kind": "tagging", "text": "text", "label": "spans")";
  // B-X B-Y I-X I-Y O: (Üst) of b, c
  EXPECT_EQ(targets_of(task(keys, "s.jsonl", file)), (std::vector<Targets>{{0, 4, 1, 3}}));
  const Task cut = task(keys + R"(, "words": "punctuation", "scheme": "bioes")", "s.jsonl", file);
  // ( Üst ) of b , c
  const std::vector<Targets> tags = targets_of(cut);
  ASSERT_EQ(tags.front().size(), 7U);
  const auto tag = [&](size_t word) { return cut.labels[static_cast<size_t>(tags.front()[word])]; };
  EXPECT_EQ(tag(0), "O");
  EXPECT_EQ(tag(1), "S-X");
  EXPECT_EQ(tag(4), "B-Y");
  EXPECT_EQ(tag(5), "I-Y");
  EXPECT_EQ(tag(6), "E-Y");
  expect_contains(
      error(keys, "s.jsonl", "{\"text\": \"a-b\", \"spans\": [[0, 1, \"X\"], [2, 3, \"Y\"]]}\n"),
      "two spans share the word at character 0");
  expect_contains(error(keys, "s.jsonl", "{\"text\": \"a  b\", \"spans\": [[1, 3, \"X\"]]}\n"),
                  "holds no word");
}

// A column of several labels must be told apart again.
TEST_F(LabelKinds, PredictedLabelsOfAColumnAreUnambiguous) {
  const auto column = [](const std::string& keys) {
    const Json object = parse_json(R"({"name": "t", "kind": "multi_label", )" + keys + "}", "t");
    Prediction prediction;
    prediction.labels = {0, 2};
    prediction.probabilities = {0.9, 0.1, 0.8};
    const Task task = task_from_json(object, "t");
    return kind_of(task).fields(task, prediction).front();
  };
  EXPECT_EQ(column(R"("labels": ["a", "b", "c d"])"), "a,c d");
  EXPECT_EQ(column(R"("labels": ["a", "b", "c d"], "label_separator": " | ")"), "a | c d");
  // Also of a row whose own labels have no comma.
  EXPECT_EQ(column(R"("labels": ["a", "b, b", "c"])"), R"(["a","c"])");
  EXPECT_EQ(column(R"("labels": ["a, \"b\"", "b", "c"])"), R"(["a, \"b\"","c"])");
  EXPECT_EQ(column(R"("labels": ["a;b", "b", "c"], "label_separator": ";")"), R"(["a;b","c"])");
}

TEST_F(LabelKinds, ClassWeightsAreCounted) {
  Task tags = task(R"("kind": "tagging", "class_weights": "balanced")", "t.conll",
                   "a B-X\nb O\nc O\nd O\n\ne O\nf O\n");
  std::vector<Task> tasks = {tags};
  balance_classes(tasks, "");
  // B-X, I-X (of which there is none), O: of six words.
  EXPECT_EQ(tasks[0].loss.class_weights, (std::vector<double>{2.0, 1.0, 0.4}));
  EXPECT_FALSE(tasks[0].loss.balanced);
  EXPECT_EQ(task_from_json(task_to_json(tasks[0]), "t"), tasks[0]);
  tasks = {task(R"("kind": "multi_label", "class_weights": "balanced", "text_a": 0, "label": 1,
                   "label_separator": ",")",
                "o.tsv", "x\ty,z\nx\ty\nx\ty\n")};
  balance_classes(tasks, "");
  EXPECT_EQ(tasks[0].loss.class_weights, (std::vector<double>{4.0 / 6.0, 2.0}));
  tasks = {task(R"("kind": "classification", "loss_weight": 0.5, "label_smoothing": 0.1,
                   "class_weights": [1, 2], "labels": ["y", "z"], "text_a": 0, "label": 1)",
                "c.tsv", "x\ty\n")};
  const LossSettings given = tasks[0].loss;
  EXPECT_EQ(given, (LossSettings{.weight = 0.5, .class_weights = {1, 2}, .label_smoothing = 0.1}));
  balance_classes(tasks, "");
  EXPECT_EQ(tasks[0].loss, given);
}

}  // namespace
}  // namespace pals
