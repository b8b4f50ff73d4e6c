// The queue and its batches, with a stand-in for the network.
#include "serve/batcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "predict/run.h"
#include "serve/test_serving.h"

namespace pals {
namespace {

using std::chrono::milliseconds;
using testing::TestRunner;
using testing::wait_until;

/// Rows of `lengths` tokens.
FeaturesPtr rows_of(const std::vector<int>& lengths) {
  auto features = std::make_shared<FeatureSet>();
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) features->token_ids.push_back(5 + (length * 3 + i) % 20);
    features->end_row(length);
    features->end_example({});
  }
  return features;
}

class Batches : public ::testing::Test {
 protected:
  std::shared_ptr<Job> job(const std::vector<int>& lengths, std::vector<int> tasks = {0}) {
    auto made = std::make_shared<Job>();
    made->runner = runner_;
    made->sources = {{rows_of(lengths), std::move(tasks)}};
    made->done = [this](Job& job) {
      const std::lock_guard lock(mutex_);
      ended_.push_back(&job);
    };
    return made;
  }
  bool ended(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(ended_, job.get()) != ended_.end();
  }
  bool wait_for(const std::shared_ptr<Job>& job) {
    return wait_until([&] { return ended(job); });
  }
  /// Lets jobs gather behind one that holds the network up.
  std::shared_ptr<Job> hold(Batcher& batcher) {
    runner_->hold(true);
    auto first = job({1});
    EXPECT_TRUE(batcher.submit(first));
    EXPECT_TRUE(runner_->wait_for_batches(1));
    return first;
  }

  std::shared_ptr<const TestRunner> runner_ = std::make_shared<TestRunner>(testing::asked_tasks());
  std::mutex mutex_;
  std::vector<const Job*> ended_;
};

TEST_F(Batches, WhatWaitsIsABatchSortedByTrunkAndLength) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  const std::vector<std::shared_ptr<Job>> jobs = {job({3, 7}, {1}), job({5}, {2}), job({9}, {0})};
  for (const auto& one : jobs) EXPECT_TRUE(batcher.submit(one));
  EXPECT_EQ(batcher.queued_tokens(), 24);
  runner_->hold(false);
  for (const auto& one : jobs) EXPECT_TRUE(wait_for(one));
  const std::vector<PackedBatch> batches = runner_->batches();
  ASSERT_EQ(batches.size(), 2U);
  // Tasks 0 and 2 share their trunk: one segment.
  ASSERT_EQ(batches[1].segments.size(), 2U);
  EXPECT_EQ(batches[1].cu_seqlens, (std::vector<int32_t>{0, 7, 10, 19, 24}));
  EXPECT_EQ(batcher.queued_tokens(), 0);
}

TEST_F(Batches, JobsGetTheirOwnLogits) {
  Batcher batcher({.max_batch_tokens = 16});
  hold(batcher);
  std::vector<std::shared_ptr<Job>> jobs;
  const std::vector<std::vector<int>> asked = {{0}, {1}, {2, 0}, {3}, {4}, {0, 2}, {1}};
  for (size_t i = 0; i < asked.size(); ++i) {
    std::vector<int> lengths;
    for (size_t row = 0; row <= i; ++row) lengths.push_back(2 + static_cast<int>(i * 5 + row) % 9);
    jobs.push_back(job(lengths, asked[i]));
    EXPECT_TRUE(batcher.submit(jobs.back()));
  }
  runner_->hold(false);
  for (const auto& one : jobs) {
    ASSERT_TRUE(wait_for(one));
    EXPECT_EQ(one->end, JobEnd::kDone);
    EXPECT_EQ(one->logits, run_rows(*runner_, one->sources, {.batch_size = 100}));
  }
}

TEST_F(Batches, KeepToTheirTokens) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto many = job({4, 4, 4, 4, 25, 4});
  EXPECT_TRUE(batcher.submit(many));
  runner_->hold(false);
  ASSERT_TRUE(wait_for(many));
  std::vector<int64_t> tokens;
  for (const PackedBatch& batch : runner_->batches()) tokens.push_back(batch.num_tokens());
  EXPECT_EQ(tokens, (std::vector<int64_t>{1, 8, 8, 25, 4}));
}

TEST_F(Batches, AShortJobWaitsForTwoBatchesAtMost) {
  Batcher batcher({.max_batch_tokens = 20});
  hold(batcher);
  const auto huge = job(std::vector<int>(100, 5));
  EXPECT_TRUE(batcher.submit(huge));
  runner_->let_through(2);
  EXPECT_TRUE(runner_->wait_for_batches(3));  // the third is being computed
  const auto brief = job({5});
  std::atomic<size_t> batches_until = 0;
  brief->done = [&](Job&) { batches_until = runner_->batches().size(); };
  EXPECT_TRUE(batcher.submit(brief));
  runner_->hold(false);
  EXPECT_TRUE(wait_for(huge));
  EXPECT_EQ(batches_until, 4U);
}

TEST_F(Batches, LongJobsTakeTurns) {
  Batcher batcher({.max_batch_tokens = 20});
  hold(batcher);
  const auto one = job(std::vector<int>(40, 5)), two = job(std::vector<int>(40, 5), {1});
  EXPECT_TRUE(batcher.submit(one));
  EXPECT_TRUE(batcher.submit(two));
  runner_->hold(false);
  ASSERT_TRUE(wait_for(one));
  ASSERT_TRUE(wait_for(two));
  const std::vector<PackedBatch> batches = runner_->batches();
  for (size_t i = 1; i < batches.size(); ++i) EXPECT_EQ(batches[i].segments.size(), 2U) << i;
}

TEST_F(Batches, AFullQueueRefuses) {
  Batcher batcher({.max_batch_tokens = 10, .queue_tokens = 30});
  hold(batcher);
  EXPECT_TRUE(batcher.submit(job({100})));  // alone in the queue
  EXPECT_FALSE(batcher.submit(job({1})));
  EXPECT_GT(batcher.expected_wait().count(), 0.0);
  runner_->hold(false);
  EXPECT_TRUE(wait_until([&] { return batcher.queued_tokens() == 0; }));
  EXPECT_TRUE(batcher.submit(job({1})));
}

TEST_F(Batches, WhoeverLeftIsNotComputed) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  std::stop_source client;
  const auto left = job({7}), stays = job({5});
  left->gone = client.get_token();
  EXPECT_TRUE(batcher.submit(left));
  EXPECT_TRUE(batcher.submit(stays));
  client.request_stop();
  runner_->hold(false);
  ASSERT_TRUE(wait_for(stays));
  ASSERT_TRUE(wait_for(left));
  EXPECT_EQ(left->end, JobEnd::kGone);
  EXPECT_EQ(runner_->batches().at(1).num_tokens(), 5);
  EXPECT_EQ(batcher.queued_tokens(), 0);
}

TEST_F(Batches, AFailureEndsTheJobsOfItsBatch) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto failing = job({6, 6, 6});
  EXPECT_TRUE(batcher.submit(failing));
  runner_->set_failing(true);
  runner_->hold(false);
  ASSERT_TRUE(wait_for(failing));
  EXPECT_EQ(failing->end, JobEnd::kFailed);
  EXPECT_EQ(failing->error, "out of memory");
  EXPECT_EQ(batcher.queued_tokens(), 0);
  runner_->set_failing(false);
  const auto after = job({6});
  EXPECT_TRUE(batcher.submit(after));
  ASSERT_TRUE(wait_for(after));
  EXPECT_EQ(after->end, JobEnd::kDone);
}

TEST_F(Batches, VectorsAndHeadsAreBatchesOfTheirOwn) {
  Batcher batcher({.max_batch_tokens = 100});
  hold(batcher);
  const auto heads = job({4}), vectors = job({3, 5}), unit = job({6});
  vectors->wanted_vectors = VectorOptions{};
  unit->wanted_vectors = VectorOptions{.normalize = true};
  for (const auto& one : {heads, vectors, unit}) EXPECT_TRUE(batcher.submit(one));
  runner_->hold(false);
  for (const auto& one : {heads, vectors, unit}) ASSERT_TRUE(wait_for(one));
  EXPECT_EQ(runner_->batches().size(), 4U);
  const FeatureSet& rows = *vectors->sources.front().features;
  EXPECT_EQ(vectors->vectors.front(),
            (std::vector<float>{static_cast<float>(rows.token_ids[1]), 0.5F,
                                static_cast<float>(rows.token_ids[4]), 0.5F}));
  EXPECT_EQ(unit->vectors.front().back(), 1.0F);
}

TEST_F(Batches, ActionsRunBetweenBatches) {
  Batcher batcher({.max_batch_tokens = 10});
  hold(batcher);
  const auto waiting = job({5});
  EXPECT_TRUE(batcher.submit(waiting));
  std::atomic<size_t> batches_before = 0;
  batcher.between_batches([&] { batches_before = runner_->batches().size(); });
  runner_->hold(false);
  ASSERT_TRUE(wait_for(waiting));
  EXPECT_EQ(batches_before, 1U);
}

TEST_F(Batches, TheEndFailsWhatWaits) {
  auto waiting = job({5});
  {
    Batcher batcher({.max_batch_tokens = 10});
    hold(batcher);
    EXPECT_TRUE(batcher.submit(waiting));
    std::jthread release([this] {
      std::this_thread::sleep_for(milliseconds(50));
      runner_->hold(false);
    });
  }
  EXPECT_TRUE(ended(waiting));
}

}  // namespace
}  // namespace pals
