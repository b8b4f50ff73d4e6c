#include "train/transfer_runs.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

std::vector<Task> tasks_named(const std::vector<std::string>& names) {
  std::vector<Task> tasks;
  for (const std::string& name : names) {
    tasks.push_back({.name = name,
                     .files = {{.split = "train", .path = name + ".tsv"},
                               {.split = "dev", .path = name + ".tsv"}}});
  }
  return tasks;
}

TEST(TransferRuns, ATaskAloneTakesTheStepsThatItTakesTogether) {
  TrainOptions options;
  options.max_steps = 101;
  options.sample = Sampling::kRoundRobin;
  const auto runs = transfer_runs(options, tasks_named({"rte", "sst"}), {320, 64000}, 7, "all");
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].name, "joint-7");
  EXPECT_EQ(runs[0].task, "");
  EXPECT_EQ(runs[0].steps, 101);
  EXPECT_EQ(runs[0].options.max_steps, 101);
  EXPECT_EQ(runs[0].options.output_dir, "all/joint-7");
  EXPECT_EQ(runs[0].options.seed, 7U);
  EXPECT_EQ(runs[1].name, "alone-rte-7");
  EXPECT_EQ(runs[1].options.tasks, "rte");
  EXPECT_EQ(runs[1].steps, 51);
  EXPECT_EQ(runs[1].options.max_steps, 51);
  EXPECT_EQ(runs[1].options.steps_per_epoch, 17);  // three epochs, as together
  EXPECT_EQ(runs[2].options.max_steps, 50);
  EXPECT_EQ(runs[2].options.output_dir, "all/alone-sst-7");
  EXPECT_EQ(runs[2].options.learning_rate, options.learning_rate);
}

TEST(TransferRuns, StepsThatAreDrawnDependOnTheSeed) {
  TrainOptions options;
  options.max_steps = 200;
  options.sample = Sampling::kProportional;
  int64_t other = 0;
  for (const uint64_t seed : {1, 2, 3}) {
    const auto runs = transfer_runs(options, tasks_named({"a", "b"}), {1000, 3000}, seed, "all");
    EXPECT_EQ(runs[1].steps + runs[2].steps, 200);
    EXPECT_GT(runs[2].steps, runs[1].steps);
    other += runs[1].steps == 50 ? 0 : 1;
  }
  EXPECT_GT(other, 0);
}

TEST(TransferRuns, FlagsForAdaptersAreForTasksWithoutOne) {
  TrainOptions options;
  options.max_steps = 10;
  options.adapter = "pals";
  options.adapter_size = 24;
  std::vector<Task> tasks = tasks_named({"a", "b"});
  tasks[0].adapter = R"({"kind": "lora"})";
  const auto runs = transfer_runs(options, tasks, {10, 10}, 1, "all");
  EXPECT_EQ(runs[0].options.adapter, "pals");
  EXPECT_EQ(runs[1].options.adapter, "");
  EXPECT_EQ(runs[1].options.adapter_size, 0);
  EXPECT_EQ(runs[2].options.adapter, "pals");
}

TEST(TransferRuns, ATaskThatIsNeverDrawnIsRefused) {
  TrainOptions options;
  options.max_steps = 1;
  options.sample = Sampling::kRoundRobin;
  EXPECT_THROW(transfer_runs(options, tasks_named({"a", "b"}), {10, 10}, 1, "all"), UsageError);
}

TEST(TransferRuns, WhatTellsNothingIsRefused) {
  const TrainOptions options;
  std::vector<Task> tasks = tasks_named({"a", "b"});
  EXPECT_NO_THROW(check_transfer(options, tasks));
  EXPECT_THROW(check_transfer(options, tasks_named({"a"})), UsageError);
  TrainOptions other = options;
  other.do_train = true;
  EXPECT_THROW(check_transfer(other, tasks), UsageError);
  other.do_eval = true;
  EXPECT_NO_THROW(check_transfer(other, tasks));
  other.freeze_all = true;
  EXPECT_THROW(check_transfer(other, tasks), UsageError);
  tasks[1].files.pop_back();
  EXPECT_THROW(check_transfer(options, tasks), UsageError);
}

}  // namespace
}  // namespace pals
