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
  EXPECT_THROW(TaskSampler(Sampling::kProportional, {3, 0}, 1, 10, 1), Error);
}

}  // namespace
}  // namespace pals
