#include "train/results.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/error.h"

namespace pals {
namespace {

TaskScores task_of(const char* name, double score, double loss) {
  return {
      .task = name, .metrics = {{"accuracy", score}}, .loss = loss, .examples = 4, .score = score};
}

// Whether an evaluation is the best by average, and the best of the first task.
std::pair<bool, bool> keep(RunResults& results, int64_t step, double score, double loss,
                           double other = 0.5) {
  const std::vector<TaskScores> scores = {task_of("rte", score, loss), task_of("sst", other, loss)};
  results.add(scores);
  const bool average = results.keep_average(step, scores);
  return {average, results.keep_task(step, scores[0])};
}

TEST(RunResults, ABetterScoreWins) {
  RunResults results;
  EXPECT_EQ(keep(results, 1, 0.5, 0.7), std::pair(true, true));
  EXPECT_EQ(keep(results, 2, 0.75, 0.9), std::pair(true, true));
  EXPECT_EQ(keep(results, 3, 0.625, 0.1), std::pair(false, false));
  EXPECT_EQ(keep(results, 4, 0.625, 0.1, 0.75), std::pair(true, false));
  EXPECT_EQ(results.best_step(), 4);
  EXPECT_EQ(results.best_tasks().at("rte").step, 2);
}

TEST(RunResults, OfEqualScoresTheLowerLossWins) {
  RunResults results;
  keep(results, 1, 0.5, 0.7);
  EXPECT_EQ(keep(results, 2, 0.5, 0.7), std::pair(false, false));
  EXPECT_EQ(keep(results, 3, 0.5, 0.8), std::pair(false, false));
  EXPECT_EQ(keep(results, 4, 0.5, 0.6), std::pair(true, true));
  EXPECT_EQ(results.record().evaluated->step, 4);
}

TEST(RunResults, GoOnFromTheirState) {
  RunResults results;
  keep(results, 1, 0.75, 0.7);
  keep(results, 2, 0.5, 0.6);
  Json state;
  results.save(state);
  RunResults other;
  other.restore(state, "state");
  EXPECT_EQ(other.record(), results.record());
  EXPECT_EQ(other.table(), results.table());
  EXPECT_EQ(keep(other, 3, 0.75, 0.7), std::pair(false, false));
  other.forget_best();
  other.forget_task("rte");
  EXPECT_EQ(keep(other, 4, 0.25, 0.9), std::pair(true, true));

  Json none;
  RunResults().save(none);
  EXPECT_EQ(none, (Json{{"best", Json::object()}, {"last", Json::object()}}));
  for (const char* key : {"best", "last"}) {
    Json damaged = state;
    damaged[key] = {{"average", "x"}};
    EXPECT_THROW(RunResults().restore(damaged, "state"), Error);
    damaged.erase(key);
    EXPECT_THROW(RunResults().restore(damaged, "state"), Error);
  }
}

}  // namespace
}  // namespace pals
