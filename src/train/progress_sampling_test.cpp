#include "train/progress_sampling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace pals {
namespace {

const std::vector<int64_t> kSizes = {100, 400, 900};

TaskSampler sampler() { return {Sampling::kAuto, kSizes, 7, 40, 4}; }

std::vector<TaskScores> scores(double a, double c) {
  return {{.task = "a", .loss = a}, {.task = "c", .loss = c}};  // b has no development file
}

TEST(ProgressSampling, FactorsFollowTheFallOfTheLoss) {
  EXPECT_EQ(progress_factor(1.0, 1.0), 1.0);
  EXPECT_NEAR(progress_factor(2.0, 1.8), std::exp(0.5), 1e-12);
  EXPECT_NEAR(progress_factor(2.0, 2.2), std::exp(-0.5), 1e-12);
  EXPECT_NEAR(progress_factor(1.0, 0.1), std::exp(1.0), 1e-12);
  EXPECT_NEAR(progress_factor(1.0, 9.0), std::exp(-1.0), 1e-12);
  EXPECT_EQ(progress_factor(0.0, 1.0), 1.0);
}

TEST(ProgressSampling, TheSecondEvaluationIsTheFirstThatSaysAnything) {
  TaskSampler drawn = sampler();
  const TaskSampler plain = sampler();
  ProgressSampling progress({"a", "b", "c"});
  progress.add(scores(1.0, 1.0), 1, drawn);
  EXPECT_EQ(drawn.probabilities(1), plain.probabilities(1));
  progress.add(scores(0.9, 1.1), 2, drawn);
  const std::vector<double> now = drawn.probabilities(2), before = plain.probabilities(2);
  EXPECT_NEAR(now[0] / now[1], std::exp(0.5) * before[0] / before[1], 1e-12);
  EXPECT_NEAR(now[2] / now[1], std::exp(-0.5) * before[2] / before[1], 1e-12);
}

TEST(ProgressSampling, GoesOnFromItsState) {
  TaskSampler drawn = sampler(), again = sampler();
  ProgressSampling progress({"a", "b", "c"}), restored({"a", "b", "c"});
  progress.add(scores(1.0, 0.7), 1, drawn);
  progress.add(scores(1.0 / 3.0, 0.69), 2, drawn);
  restored.restore(parse_json(progress.to_json().dump(), "state"), again);
  progress.add(scores(0.3, 0.5), 3, drawn);
  restored.add(scores(0.3, 0.5), 3, again);
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    EXPECT_EQ(drawn.probabilities(epoch), again.probabilities(epoch)) << epoch;
  }
  EXPECT_EQ(progress.to_json(), restored.to_json());
}

TEST(ProgressSampling, StatesOfOtherTasksAreRefused) {
  TaskSampler drawn = sampler();
  for (const Json& state : {Json(), Json{{"losses", {1.0}}}, Json{{"factors", {{1.0, 2.0}}}},
                            Json{{"losses", {1.0, 2.0, "x"}}}}) {
    EXPECT_THROW(ProgressSampling({"a", "b", "c"}).restore(state, drawn), Error) << state;
  }
}

}  // namespace
}  // namespace pals
