#include "measure/batch_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

TEST(BatchList, DrawsFollowTheAnnealSchedule) {
  const std::vector<int64_t> draws = schedule_draws();
  ASSERT_EQ(draws.size(), 8U);
  EXPECT_EQ(std::accumulate(draws.begin(), draws.end(), int64_t{0}), 60000);
  // Shares computed from p ~ n^alpha, alpha from 1 to 0.2 over 25 epochs.
  const std::vector<double> shares = {0.0395, 0.0274, 0.3196, 0.0233,
                                      0.0331, 0.1108, 0.3042, 0.1421};
  for (size_t task = 0; task < draws.size(); ++task) {
    EXPECT_NEAR(static_cast<double>(draws[task]) / 60000, shares[task], 0.006) << task;
  }
}

TEST(BatchList, AShortListHasTheMixOfTheDraws) {
  const std::vector<int64_t> draws = {100, 300, 200};
  const std::vector<double> lengths = {50, 10, 30};
  std::vector<int> tasks = representative_tasks(draws, lengths, 6);
  EXPECT_EQ(tasks, representative_tasks(draws, lengths, 6));
  std::sort(tasks.begin(), tasks.end());
  EXPECT_EQ(tasks, (std::vector<int>{0, 1, 1, 1, 2, 2}));
  EXPECT_EQ(representative_tasks(draws, lengths, 1), (std::vector<int>{2}));
}

std::vector<TaskRows> two_tasks() {
  std::vector<Task> tasks(2);
  tasks[0] = {.name = "cola", .labels = {"0", "1"}};
  tasks[1] = {.name = "mine", .kind = TaskKind::kRegression};
  return generate_task_rows(tasks, 50, {.max_seq_length = 40, .rows_per_task = 6});
}

TEST(BatchList, PlansTakeTheRowsInTurn) {
  const std::vector<TaskRows> rows = two_tasks();
  const std::vector<BatchPlan> plans = training_plans(rows, usual_draws(rows), 4, 5);
  ASSERT_EQ(plans.size(), 4U);
  std::vector<int64_t> next(2, 0);
  for (const BatchPlan& plan : plans) {
    ASSERT_EQ(plan.size(), 5U);
    for (const BatchItem& item : plan) {
      EXPECT_EQ(item.source, plan.front().source);
      EXPECT_EQ(item.task, item.source);
      EXPECT_EQ(item.example, next[static_cast<size_t>(item.source)]++ % 6);
    }
    const PackedBatch batch = pack(rows, plan);
    EXPECT_EQ(batch.num_rows(), 5);
    EXPECT_EQ(batch.row_ids, (std::vector<int64_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(batch.segments.size(), 1U);
  }
  EXPECT_EQ(next, (std::vector<int64_t>{10, 10}));
  EXPECT_THROW(training_plans(rows, usual_draws(rows), 4, 0), UsageError);
}

std::vector<int64_t> lengths_of(const std::vector<TaskRows>& rows,
                                const std::vector<BatchPlan>& batches) {
  std::vector<int64_t> lengths;
  for (const BatchPlan& plan : batches) {
    for (const BatchItem& item : plan) {
      lengths.push_back(rows[static_cast<size_t>(item.source)].features.row_length(item.example));
    }
  }
  return lengths;
}

TEST(BatchList, AStreamHasTheSameRowsInWhateverOrder) {
  const std::vector<TaskRows> rows = two_tasks();
  const std::vector<BatchPlan> plans = training_plans(rows, {1, 1}, 4, 5);
  const std::vector<BatchPlan> mixed = stream_plans(rows, plans, {.batch_size = 8});
  const std::vector<BatchPlan> sorted =
      stream_plans(rows, plans, {.batch_size = 8, .sorted = true});
  ASSERT_EQ(mixed.size(), 3U);
  EXPECT_EQ(mixed.back().size(), 4U);
  std::vector<int64_t> expected = lengths_of(rows, plans);
  std::vector<int64_t> unsorted = lengths_of(rows, mixed);
  EXPECT_NE(unsorted, expected);
  EXPECT_FALSE(std::ranges::is_sorted(unsorted, std::ranges::greater()));
  std::ranges::sort(expected, std::ranges::greater());
  std::ranges::sort(unsorted, std::ranges::greater());
  EXPECT_EQ(unsorted, expected);
  EXPECT_EQ(lengths_of(rows, sorted), expected);
}

TEST(BatchList, AStreamMixesTasks) {
  const std::vector<TaskRows> rows = two_tasks();
  const std::vector<BatchPlan> plans = training_plans(rows, {1, 1}, 4, 5);
  for (const BatchPlan& plan : stream_plans(rows, plans, {.batch_size = 10, .num_tasks = 1})) {
    for (const BatchItem& item : plan) EXPECT_EQ(item.task, 0);
  }
  int64_t of_second = 0;
  for (const BatchPlan& plan : stream_plans(rows, plans, {.batch_size = 10, .num_tasks = 2})) {
    EXPECT_TRUE(std::ranges::is_sorted(plan, {}, &BatchItem::task));
    EXPECT_EQ(pack(rows, plan).segments.size(), 2U);
    for (const BatchItem& item : plan) of_second += item.task;
  }
  EXPECT_EQ(of_second, 10);
}

TEST(BatchList, RefusesEmptyListsAndMissingFiles) {
  BatchListOptions options;
  options.batches = 0;
  EXPECT_THROW(make_batch_list(options), UsageError);
  options.batches = 1;
  options.vocab_file = "/nonexistent/vocab.txt";
  EXPECT_THROW(make_batch_list(options), Error);
}

}  // namespace
}  // namespace pals
