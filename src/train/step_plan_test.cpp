#include "train/step_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

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

TEST(StepPlan, ASecondPhaseHasEpochsAndAScheduleOfItsOwn) {
  TrainOptions options;
  options.max_steps = 100;
  options.steps_per_epoch = 30;
  const StepPlan first = plan(options);
  EXPECT_FALSE(first.polishes(99));
  const StepPlan both = with_polish(first, 2, 25);
  EXPECT_EQ(both.total_steps, 150);
  EXPECT_EQ(both.first_steps(), 100);
  EXPECT_EQ(both.num_epochs, 6);
  EXPECT_FALSE(both.polishes(99));
  EXPECT_TRUE(both.polishes(100));
  std::vector<int64_t> ends;
  for (int64_t steps = 1; steps <= 150; ++steps) {
    if (both.ends_epoch(steps)) ends.push_back(steps);
    if (steps <= 100) {
      EXPECT_EQ(both.ends_epoch(steps), first.ends_epoch(steps));
    }
  }
  EXPECT_EQ(ends, (std::vector<int64_t>{30, 60, 90, 100, 125, 150}));
  for (size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(both.epochs_after(ends[i]), static_cast<int64_t>(i) + 1);
  }
  EXPECT_TRUE(both.ends_epoch(0));  // the first one begins
  for (int64_t step = 0; step < 150; ++step) {
    EXPECT_EQ(both.epoch_end(step), *std::ranges::upper_bound(ends, step)) << step;
    if (step < 100) {
      EXPECT_EQ(first.epoch_end(step), both.epoch_end(step));
    }
  }
  const StepPosition last = both.position(99, 7), next = both.position(100, 8);
  EXPECT_EQ(last.step, 99);
  EXPECT_EQ(last.total_steps, 100);
  EXPECT_EQ(last.task_step, 7);
  EXPECT_EQ(next.step, 0);
  EXPECT_EQ(next.total_steps, 50);
  EXPECT_EQ(next.task_step, 8);
}

}  // namespace
}  // namespace pals
