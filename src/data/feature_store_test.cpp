#include "data/feature_store.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"
#include "base/file.h"
#include "data/feature_cache.h"
#include "features/parallel.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

/// `count` files of i + 1 rows each.
std::vector<FeatureJob> write_jobs(const TestFolder& folder, int count) {
  std::vector<FeatureJob> jobs;
  for (int i = 0; i < count; ++i) {
    Task task = two_column_task();
    task.files[0].path = concat("file", i, ".tsv");
    std::string text;
    for (int row = 0; row <= i; ++row) text += letters(row + 1, 'b') + "\tyes\n";
    write_file_atomically(folder / task.files[0].path, text);
    jobs.push_back({task, task.files[0], folder.path()});
  }
  return jobs;
}

TEST(FeatureStore, LoadsAllItsJobsColdAndCached) {
  const TestFolder data, cache;
  const Tokenizer tokenizer = letter_tokenizer();
  const std::vector<FeatureJob> jobs = write_jobs(data, 6);
  for (int run = 0; run < 2; ++run) {
    const FeatureStore store(jobs, tokenizer, 16, cache.path(), 3);
    ASSERT_EQ(store.num_jobs(), 6);
    for (int64_t i = 5; i >= 0; --i) {
      EXPECT_EQ(store.num_examples(i), i + 1);
      const FeaturesPtr got = store.features(i).get();
      const FeatureJob& job = jobs[static_cast<size_t>(i)];
      EXPECT_EQ(*got, *load_features(job.task, job.file, job.base_dir, tokenizer, 16, ""));
    }
  }
  EXPECT_EQ(list_directory(cache.path()).size(), 6U);
}

TEST(FeatureStore, AFaultStaysWithItsJob) {
  const TestFolder data, cache;
  const Tokenizer tokenizer = letter_tokenizer();
  std::vector<FeatureJob> jobs = write_jobs(data, 3);
  write_file_atomically(data / "file1.tsv", "a\tyes\nb\tperhaps\n");
  const FeatureStore store(jobs, tokenizer, 16, cache.path());
  EXPECT_EQ(store.features(0).get()->num_rows(), 1);
  EXPECT_EQ(store.features(2).get()->num_rows(), 3);
  EXPECT_THROW(store.num_examples(1), Error);
  try {
    store.features(1).get();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("file1.tsv:2"), std::string::npos) << error.what();
  }
}

TEST(FeatureStore, FuturesOutliveIt) {
  const TestFolder data;
  const Tokenizer tokenizer = letter_tokenizer();
  std::vector<FeaturesFuture> futures;
  {
    const FeatureStore store(write_jobs(data, 20), tokenizer, 16, "");
    for (int64_t i = 0; i < 20; ++i) futures.push_back(store.features(i));
  }
  // Stopped early or not: each is ready, with features or an Error.
  for (const FeaturesFuture& future : futures) {
    try {
      EXPECT_GE(future.get()->num_rows(), 1);
    } catch (const Error&) {
    }
  }
}

TEST(ParallelFor, CallsEachOnceAndPassesErrorsOn) {
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(1000, 5, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
  for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
  parallel_for(0, 5, [](int64_t) { FAIL(); });
  EXPECT_THROW(parallel_for(100, 5,
                            [](int64_t i) {
                              if (i == 50) fail("fifty");
                            }),
               Error);
}

}  // namespace
}  // namespace pals
