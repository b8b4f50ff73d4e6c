#include "batch_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/file.h"

namespace pals::bench {
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

TEST(BatchList, RefusesEmptyListsAndMissingFiles) {
  BatchListOptions options;
  options.batches = 0;
  EXPECT_THROW(make_batch_list(options), UsageError);
  options.batches = 1;
  options.vocab_file = "/nonexistent/vocab.txt";
  EXPECT_THROW(make_batch_list(options), Error);
}

}  // namespace
}  // namespace pals::bench
