#include "data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace pals {
namespace {

const std::vector<int64_t> kSizes = {8551, 392702, 2490, 104743};

/// How often each task is drawn in the steps [first, last), as a share.
std::vector<double> shares(const TaskSampler& sampler, int64_t first, int64_t last) {
  std::vector<double> counts(static_cast<size_t>(sampler.num_tasks()), 0.0);
  for (int64_t step = first; step < last; ++step) {
    counts[static_cast<size_t>(sampler.task_at(step))] += 1.0;
  }
  for (double& count : counts) count /= static_cast<double>(last - first);
  return counts;
}

void expect_shares(const TaskSampler& sampler, int64_t first, int64_t last, double alpha) {
  const std::vector<double> got = shares(sampler, first, last);
  double sum = 0.0;
  for (const int64_t n : kSizes) sum += std::pow(static_cast<double>(n), alpha);
  for (size_t i = 0; i < kSizes.size(); ++i) {
    const double p = std::pow(static_cast<double>(kSizes[i]), alpha) / sum;
    const double deviation = std::sqrt(p * (1.0 - p) / static_cast<double>(last - first));
    EXPECT_NEAR(got[i], p, 5.0 * deviation) << "task " << i << " alpha " << alpha;
  }
}

TEST(Sampler, StepsPerPassRoundUp) {
  EXPECT_EQ(steps_per_pass(64, 32), 2);
  EXPECT_EQ(steps_per_pass(65, 32), 3);
  EXPECT_EQ(steps_per_pass(1, 32), 1);
  EXPECT_EQ(steps_per_pass(0, 32), 0);
}

TEST(Sampler, RoundRobinTakesTurns) {
  const TaskSampler sampler(Sampling::kRoundRobin, {5, 500, 1}, 1, 100, 1);
  for (int64_t step = 0; step < 100; ++step) EXPECT_EQ(sampler.task_at(step), step % 3);
}

TEST(Sampler, SharesFollowTheSizes) {
  expect_shares(TaskSampler(Sampling::kProportional, kSizes, 3, 40000, 4), 0, 40000, 1.0);
  expect_shares(TaskSampler(Sampling::kSquareRoot, kSizes, 3, 40000, 4), 0, 40000, 0.5);
}

TEST(Sampler, AnnealGoesFromSizesToNearlyEven) {
  const TaskSampler sampler(Sampling::kAnneal, kSizes, 11, 150000, 5);
  expect_shares(sampler, 0, 30000, 1.0);
  expect_shares(sampler, 60000, 90000, 0.6);
  expect_shares(sampler, 120000, 150000, 0.2);
  expect_shares(sampler, 150000, 180000, 0.2);  // past the end
}

TEST(Sampler, AnnealOverOneEpochIsProportional) {
  const TaskSampler anneal(Sampling::kAnneal, kSizes, 5, 1000, 1);
  const TaskSampler proportional(Sampling::kProportional, kSizes, 5, 1000, 1);
  EXPECT_EQ(anneal.probabilities(0), proportional.probabilities(0));
}

TEST(Sampler, TemperatureCapsTheRows) {
  const SamplingOdds odds{.alpha = 0.3, .cap = 10000};
  const TaskSampler sampler(Sampling::kTemperature, kSizes, 3, 40000, 4, 0, odds);
  double sum = 0.0;
  std::vector<double> expected;
  for (const double rows : {8551.0, 10000.0, 2490.0, 10000.0}) {
    sum += expected.emplace_back(std::pow(rows, 0.3));
  }
  for (const int64_t epoch : {0, 3}) {
    const std::vector<double> p = sampler.probabilities(epoch);
    for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], expected[i] / sum, 1e-12);
  }
  // Other samplings know no cap, and alpha 0.5 without one is sqrt.
  EXPECT_EQ(TaskSampler(Sampling::kSquareRoot, kSizes, 3, 40000, 4, 0, odds).probabilities(0),
            TaskSampler(Sampling::kTemperature, kSizes, 3, 40000, 4).probabilities(0));
}

TEST(Sampler, NoTaskGetsLessThanTheMinimumShare) {
  const SamplingOdds odds{.min_share = 0.1};
  const TaskSampler sampler(Sampling::kProportional, kSizes, 3, 40000, 4, 0, odds);
  const std::vector<double> p = sampler.probabilities(0);
  EXPECT_NEAR(p[0], 0.1, 1e-12);
  EXPECT_NEAR(p[2], 0.1, 1e-12);
  EXPECT_NEAR(p[1] / p[3], 392702.0 / 104743.0, 1e-9);  // the others share the rest as they did
  EXPECT_NEAR(p[0] + p[1] + p[2] + p[3], 1.0, 1e-12);
  // Lifting one task pushes the next one below.
  const TaskSampler chain(Sampling::kProportional, {1, 30, 69}, 3, 10, 1, 0, {.min_share = 0.3});
  const std::vector<double> lifted = chain.probabilities(0);
  EXPECT_NEAR(lifted[0], 0.3, 1e-12);
  EXPECT_NEAR(lifted[1], 0.3, 1e-12);
  EXPECT_NEAR(lifted[2], 0.4, 1e-12);
  for (const double quarter :
       TaskSampler(Sampling::kAnneal, kSizes, 3, 10, 1, 0, {.min_share = 0.25}).probabilities(0)) {
    EXPECT_NEAR(quarter, 0.25, 1e-12);
  }
}

TEST(Sampler, EpochsCoverTheSteps) {
  const TaskSampler rounded(Sampling::kAnneal, kSizes, 5, 10, 4);  // 3 steps an epoch
  EXPECT_EQ(rounded.epoch_at(2), 0);
  EXPECT_EQ(rounded.epoch_at(3), 1);
  EXPECT_EQ(rounded.epoch_at(9), 3);
  EXPECT_EQ(rounded.epoch_at(100), 3);
  const TaskSampler given(Sampling::kAnneal, kSizes, 5, 10, 4, 2);
  EXPECT_EQ(given.epoch_at(3), 1);
  EXPECT_EQ(given.epoch_at(4), 2);
}

TEST(Sampler, DrawsDependOnSeedAndStepAlone) {
  const TaskSampler first(Sampling::kAnneal, kSizes, 42, 1000, 3);
  const TaskSampler second(Sampling::kAnneal, kSizes, 42, 1000, 3);
  const TaskSampler other(Sampling::kAnneal, kSizes, 43, 1000, 3);
  int64_t different = 0;
  for (int64_t step = 999; step >= 0; --step) {
    EXPECT_EQ(first.task_at(step), second.task_at(step));
    different += first.task_at(step) != other.task_at(step) ? 1 : 0;
  }
  EXPECT_GT(different, 100);
}

TEST(Sampler, RefusesWhatCannotBeDrawnFrom) {
  EXPECT_THROW(TaskSampler(Sampling::kRoundRobin, {}, 1, 10, 1), UsageError);
  EXPECT_THROW(TaskSampler(Sampling::kRoundRobin, {3}, 1, 10, 0), UsageError);
  EXPECT_THROW(TaskSampler(Sampling::kRoundRobin, {3}, 1, 10, 1, -1), UsageError);
  EXPECT_THROW(TaskSampler(Sampling::kAnneal, {3, 3, 3}, 1, 10, 1, 0, {.min_share = 0.34}),
               UsageError);
  EXPECT_THROW(TaskSampler(Sampling::kProportional, {3, 0}, 1, 10, 1), Error);
}

TEST(Sampler, AddedPassesTakeAllRowsOfAllTasks) {
  for (const Sampling sampling : {Sampling::kRoundRobin, Sampling::kAnneal}) {
    const TaskSampler before(sampling, {65, 32, 1}, 7, 10, 2);
    TaskSampler sampler = before;
    EXPECT_EQ(sampler.add_passes(10, 32), 3 + 1 + 1);
    for (int64_t step = 0; step < 10; ++step)
      EXPECT_EQ(sampler.task_at(step), before.task_at(step));
    for (const int64_t first : {10, 15, 20}) {
      std::vector<int> drawn(3, 0);
      for (int64_t step = first; step < first + 5; ++step) {
        ++drawn[static_cast<size_t>(sampler.task_at(step))];
      }
      EXPECT_EQ(drawn, (std::vector<int>{3, 1, 1}));
      EXPECT_EQ(sampler.epoch_at(first), 2 + (first - 10) / 5);
    }
    EXPECT_EQ(sampler.epoch_at(9), 1);
    const std::vector<double> shares = sampler.probabilities(sampler.epoch_at(10));
    EXPECT_DOUBLE_EQ(shares[0], 0.6);
    EXPECT_DOUBLE_EQ(shares[1], 0.2);
    EXPECT_EQ(sampler.probabilities(1), before.probabilities(1));
  }
}

TEST(Sampler, FactorsChangeTheOddsOfTheirEpochAlone) {
  const SamplingOdds odds{.alpha = 0.5};
  TaskSampler sampler(Sampling::kAuto, kSizes, 7, 40000, 4, 0, odds);
  const TaskSampler plain(Sampling::kTemperature, kSizes, 7, 40000, 4, 0, odds);
  sampler.set_factors(2, {4.0, 1.0, 1.0, 1.0});
  for (const int64_t epoch : {0, 1, 3}) {
    EXPECT_EQ(sampler.probabilities(epoch), plain.probabilities(epoch)) << epoch;
  }
  const std::vector<double> now = sampler.probabilities(2), before = plain.probabilities(2);
  EXPECT_NEAR(now[0] / now[1], 4.0 * before[0] / before[1], 1e-12);
  EXPECT_NEAR(now[2] / now[1], before[2] / before[1], 1e-12);
  EXPECT_NEAR(shares(sampler, 20000, 30000)[0], now[0], 0.02);
  for (int64_t step = 0; step < 20000; step += 97) {
    EXPECT_EQ(sampler.task_at(step), plain.task_at(step));
  }
  TaskSampler least(Sampling::kAuto, kSizes, 7, 40000, 4, 0, {.min_share = 0.1});
  least.set_factors(1, {1.0, 1.0, 1e-3, 1.0});
  EXPECT_DOUBLE_EQ(least.probabilities(1)[2], 0.1);
}

}  // namespace
}  // namespace pals
