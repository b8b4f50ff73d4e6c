#include "measure/task_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace pals {
namespace {

Task task_of(const char* name, TaskKind kind, std::vector<std::string> labels = {}) {
  Task task;
  task.name = name;
  task.kind = kind;
  task.labels = std::move(labels);
  return task;
}

TEST(TaskRows, GeneratedRowsAreAsLongAsTheTaskSays) {
  const std::vector<Task> tasks = {task_of("cola", TaskKind::kClassification, {"0", "1"}),
                                   task_of("rte", TaskKind::kClassification, {"0", "1"}),
                                   task_of("other", TaskKind::kRegression)};
  const std::vector<TaskRows> rows =
      generate_task_rows(tasks, 1000, {.max_seq_length = 512, .rows_per_task = 2000});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_NEAR(rows[0].mean_length(), 11.3, 0.7);
  EXPECT_NEAR(rows[1].mean_length(), 66.1, 3.0);
  EXPECT_NEAR(rows[2].mean_length(), 34.0, 1.5);
  EXPECT_EQ(rows[1].features.num_examples(), 2000);
  EXPECT_EQ(
      rows[1].features,
      generate_task_rows(tasks, 1000, {.max_seq_length = 512, .rows_per_task = 2000})[1].features);
}

TEST(TaskRows, GeneratedRowsAreAsLongAsTheyAreAskedToBe) {
  const std::vector<TaskRows> rows =
      generate_task_rows({task_of("rte", TaskKind::kClassification, {"0", "1"})}, 1000,
                         {.max_seq_length = 512, .rows_per_task = 9, .row_length = 77});
  for (int64_t row = 0; row < 9; ++row) EXPECT_EQ(rows[0].features.row_length(row), 77);
}

TEST(TaskRows, GeneratedRowsKeepToTheirLimits) {
  const std::vector<Task> tasks = {task_of("a", TaskKind::kClassification, {"x", "y", "z"}),
                                   task_of("b", TaskKind::kSpan),
                                   task_of("c", TaskKind::kMultipleChoice)};
  for (const TaskRows& rows :
       generate_task_rows(tasks, 7, {.max_seq_length = 20, .rows_per_task = 300})) {
    const FeatureSet& features = rows.features;
    EXPECT_EQ(features.num_examples(), 300);
    const bool choices = rows.task.kind == TaskKind::kMultipleChoice;
    EXPECT_EQ(features.num_rows(), choices ? 1200 : 300);
    EXPECT_LT(*std::ranges::max_element(features.token_ids), 7);
    EXPECT_GE(*std::ranges::min_element(features.token_ids), 0);
    for (int64_t row = 0; row < features.num_rows(); ++row) {
      ASSERT_GE(features.row_length(row), 3);
      ASSERT_LE(features.row_length(row), 20);
      ASSERT_LE(features.first_lengths[static_cast<size_t>(row)], features.row_length(row));
    }
    for (int64_t example = 0; example < 300; ++example) {
      const std::span<const float> targets = features.targets_of(example);
      if (rows.task.kind == TaskKind::kSpan) {
        ASSERT_GE(targets[0], 0);
        ASSERT_LT(targets[1], features.row_length(features.first_row(example)));
      } else {
        ASSERT_GE(targets[0], 0);
        ASSERT_LT(targets[0], choices ? 4 : 3);
      }
    }
  }
}

TEST(TaskRows, ATaskWithoutTrainingFileIsRefused) {
  const Tokenizer tokenizer(Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n", "vocabulary"),
                            true);
  EXPECT_THROW(
      read_task_rows({task_of("mine", TaskKind::kRegression)}, "/nonexistent", tokenizer, {}),
      UsageError);
}

}  // namespace
}  // namespace pals
