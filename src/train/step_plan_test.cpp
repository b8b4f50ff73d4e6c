#include "train/step_plan.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

StepPlan plan(const TrainOptions& options, std::vector<int64_t> rows = {1000, 50, 7}) {
  return plan_steps(options, rows);
}

TEST(PlanSteps, SeveralTasksHaveThreeHundredStepsEachAnEpoch) {
  TrainOptions options;
  options.num_train_epochs = 25.0;
  const StepPlan eight = plan(options, std::vector<int64_t>(8, 100));
  EXPECT_EQ(eight.steps_per_epoch, 2400);
  EXPECT_EQ(eight.total_steps, 60000);
  EXPECT_EQ(eight.num_epochs, 25);
  // Accumulation splits a step's batch; it makes no more steps.
  options.gradient_accumulation_steps = 4;
  EXPECT_EQ(plan(options, std::vector<int64_t>(8, 100)).total_steps, 60000);
}

TEST(PlanSteps, OneTaskIsAPassOverItsRows) {
  TrainOptions options;
  const StepPlan short_batch = plan(options, {2490});  // RTE, batches of 32
  EXPECT_EQ(short_batch.steps_per_epoch, 78);
  EXPECT_EQ(short_batch.total_steps, 3 * 78);
  EXPECT_EQ(short_batch.num_epochs, 3);
  options.train_batch_size = 30;
  EXPECT_EQ(plan(options, {2490}).steps_per_epoch, 83);
  options.train_batch_size = 5000;
  EXPECT_EQ(plan(options, {2490}).total_steps, 3);
}

TEST(PlanSteps, StepsPerEpochCountsAlsoForOneTask) {
  TrainOptions options;
  options.steps_per_epoch = 40;
  for (const auto& rows : {std::vector<int64_t>{2490}, std::vector<int64_t>{5, 6}}) {
    EXPECT_EQ(plan(options, rows).total_steps, 120);
    EXPECT_EQ(plan(options, rows).num_epochs, 3);
  }
}

TEST(PlanSteps, MaxStepsReplacesTheTotal) {
  TrainOptions options;
  options.max_steps = 100;
  const StepPlan even = plan(options);  // three epochs share it
  EXPECT_EQ(even.total_steps, 100);
  EXPECT_EQ(even.steps_per_epoch, 34);
  EXPECT_EQ(even.num_epochs, 3);
  options.steps_per_epoch = 30;  // the epochs follow
  const StepPlan given = plan(options);
  EXPECT_EQ(given.total_steps, 100);
  EXPECT_EQ(given.steps_per_epoch, 30);
  EXPECT_EQ(given.num_epochs, 4);
  options = {};
  options.max_steps = 2;
  options.num_train_epochs = 25.0;
  EXPECT_EQ(plan(options).total_steps, 2);
  EXPECT_EQ(plan(options).num_epochs, 2);
}

TEST(PlanSteps, EpochsMayBeFractions) {
  TrainOptions options;
  options.num_train_epochs = 0.5;
  EXPECT_EQ(plan(options).total_steps, 450);
  EXPECT_EQ(plan(options).num_epochs, 1);
  options.num_train_epochs = 1.5;
  EXPECT_EQ(plan(options).total_steps, 1350);
  EXPECT_EQ(plan(options).num_epochs, 2);
  options.num_train_epochs = 1e-9;
  EXPECT_EQ(plan(options).total_steps, 1);
}

}  // namespace
}  // namespace pals
