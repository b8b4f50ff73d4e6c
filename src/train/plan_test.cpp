#include "train/plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace pals {
namespace {

std::vector<Task> tasks_named(const std::vector<std::string>& names) {
  std::vector<Task> tasks;
  for (const std::string& name : names) tasks.push_back({.name = name});
  return tasks;
}

TEST(RunPlan, OwnTasksAreSeenThreeTimesOverAll) {
  const TrainOptions options;
  const RunPlan plan(options, tasks_named({"a", "b"}), {3200, 1600});
  EXPECT_EQ(plan.steps.total_steps, 3 * 4800 / 32);
  EXPECT_EQ(plan.uncapped_steps, plan.steps.total_steps);
  // Annealed: the smaller task is seen more often.
  EXPECT_GT(plan.passes[1], plan.passes[0]);
  EXPECT_NEAR(plan.passes[0] * 100 + plan.passes[1] * 50, 450, 1e-9);
  EXPECT_EQ(plan.passes_until(plan.steps.total_steps), plan.passes);
  EXPECT_EQ(plan.passes_until(0), (std::vector<double>{0.0, 0.0}));
  const std::vector<double> part = plan.passes_until(200);
  EXPECT_NEAR(part[0] * 100 + part[1] * 50, 200, 1e-9);
}

TEST(RunPlan, OddsAreAsTheOptionsSay) {
  TrainOptions options;
  options.sample = Sampling::kTemperature;
  options.sample_alpha = 1.0;
  options.sample_cap = 100;
  options.min_share = 0.2;
  const RunPlan plan(options, tasks_named({"a", "b", "c"}), {10, 100, 5000});
  const std::vector<double> odds = plan.sampler.probabilities(0);
  EXPECT_NEAR(odds[0], 0.2, 1e-12);
  EXPECT_NEAR(odds[1], 0.4, 1e-12);
  EXPECT_NEAR(odds[2], 0.4, 1e-12);
  options.min_share = 0.4;
  EXPECT_THROW(odds_of(options, 3), UsageError);
}

TEST(RunPlan, DrawsOfVeryLongRunsAreExpectedOnes) {
  TrainOptions options;
  options.max_steps = 30'000'000;
  options.sample = Sampling::kProportional;
  const RunPlan plan(options, tasks_named({"a", "b"}), {3200, 1600});
  EXPECT_NEAR(plan.passes[0], 200'000, 1e-3);
  EXPECT_NEAR(plan.passes_until(15'000'000)[1], 100'000, 1e-3);
}

TEST(RunPlan, NoOwnTaskIsSeenMoreThanTwentyTimes) {
  const TrainOptions options;
  const RunPlan plan(options, tasks_named({"large", "small"}), {100000, 320});
  EXPECT_LT(plan.steps.total_steps, plan.uncapped_steps);
  EXPECT_LE(plan.passes[1], 20.0);
  EXPECT_GT(plan.passes[1], 15.0);
  EXPECT_EQ(plan.steps.num_epochs, 3);
}

TEST(RunPlan, GivenNumbersAndGlueStayAsTheyAre) {
  TrainOptions options;
  EXPECT_EQ(RunPlan(options, tasks_named({"rte", "mrpc"}), {2490, 3668}).steps.total_steps, 1800);
  EXPECT_EQ(RunPlan(options, tasks_named({"rte", "own"}), {2490, 10}).steps.total_steps, 1800);
  EXPECT_EQ(sampling_of(options, tasks_named({"rte", "mrpc"})), Sampling::kRoundRobin);
  EXPECT_EQ(sampling_of(options, tasks_named({"own"})), Sampling::kRoundRobin);
  EXPECT_EQ(sampling_of(options, tasks_named({"own", "two"})), Sampling::kAnneal);
  options.max_steps = 500;
  const RunPlan plan(options, tasks_named({"own", "two"}), {40, 10});
  EXPECT_EQ(plan.steps.total_steps, 500);
  EXPECT_GT(plan.passes[1], 20.0);  // as told
  options.max_steps = 0;
  options.steps_per_epoch = 700;
  EXPECT_EQ(RunPlan(options, tasks_named({"own", "two"}), {40, 10}).steps.total_steps, 2100);
  options.sample = Sampling::kProportional;
  EXPECT_EQ(sampling_of(options, tasks_named({"own", "two"})), Sampling::kProportional);
}

TEST(RunPlan, PolishingGoesThroughTheRowsOfAllTasks) {
  TrainOptions options;
  options.max_steps = 90;
  options.sample = Sampling::kProportional;
  const std::vector<Task> tasks = tasks_named({"a", "b"});
  const RunPlan plain(options, tasks, {3200, 33});
  options.polish_epochs = 2;
  const RunPlan plan(options, tasks, {3200, 33});
  EXPECT_EQ(plan.steps.first_steps(), 90);
  EXPECT_EQ(plan.steps.total_steps, 90 + 2 * (100 + 2));
  EXPECT_EQ(plan.uncapped_steps, plan.steps.total_steps);
  for (const size_t task : {size_t{0}, size_t{1}})
    EXPECT_NEAR(plan.passes[task], plain.passes[task] + 2.0, 1e-9);
  EXPECT_EQ(plan.passes_until(90), plain.passes);
  // Also where draws are expected ones.
  options.max_steps = 30'000'000;
  const RunPlan long_plan(options, tasks, {3200, 33});
  options.polish_epochs = 0;
  const RunPlan long_plain(options, tasks, {3200, 33});
  EXPECT_NEAR(long_plan.passes[1], long_plain.passes[1] + 2.0, 1e-3);
}

}  // namespace
}  // namespace pals
