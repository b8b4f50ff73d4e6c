#include "predict/submission.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tasks/glue.h"

namespace pals {
namespace {

TEST(Submission, EveryTestSetOfGlueHasAFile) {
  std::vector<std::string> expected, found;
  for (const Task& task : glue_tasks()) {
    for (const DataFile* file : files_of(task, "test")) {
      expected.push_back(task.name + " " + file->split);
    }
  }
  for (const SubmissionFile& file : submission_files()) {
    found.push_back(file.task + " " + file.split);
  }
  std::ranges::sort(expected);
  std::ranges::sort(found);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(found.size(), 11U);
}

TEST(Submission, MajoritiesAreLabelsOfTheirTask) {
  for (const SubmissionFile& file : submission_files()) {
    const auto task = std::ranges::find(glue_tasks(), file.task, &Task::name);
    ASSERT_NE(task, glue_tasks().end());
    if (task->kind == TaskKind::kRegression) continue;
    EXPECT_NE(std::ranges::find(task->labels, file.majority), task->labels.end()) << file.name;
  }
}

}  // namespace
}  // namespace pals
