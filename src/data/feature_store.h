// The features of many data files, made on background threads while other work starts.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "features/features.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

using FeaturesFuture = std::shared_future<FeaturesPtr>;

/// A future that holds `features` already.
FeaturesFuture ready_features(FeaturesPtr features);

/// The features of several files as those of one, joined when somebody asks for them.
FeaturesFuture joined_features(std::vector<FeaturesFuture> parts);

/// Hashes of a data file: of its content, and of that with all else that its features depend on.
struct FeatureHashes {
  std::string file, key;
};

/// A file that a FeatureStore is to load.
struct FeatureJob {
  Task task;
  DataFile file;
  std::string base_dir;
};

/// Loads the features of its jobs in the background: first each file is looked up in the cache or
/// read, in which its number of examples comes out (samplers need all of them before the first
/// step); then the texts of those not cached are encoded, in the order of the jobs. Only then is it
/// known into how many rows, each an example, a span task's questions are cut. Put first what is
/// needed first. Of the files not cached, all texts are in memory at once, each until it is
/// encoded.
class FeatureStore {
 public:
  /// Starts the work. `tokenizer` must outlive the store. `threads` (0: all cores) bounds the
  /// threads used at a time; an empty `cache_dir` means no cache.
  FeatureStore(std::vector<FeatureJob> jobs, const Tokenizer& tokenizer, int max_seq_length,
               std::string cache_dir, int threads = 0);

  /// Stops the work that is not done; features not ready by then end in an Error.
  ~FeatureStore();
  FeatureStore(const FeatureStore&) = delete;
  FeatureStore& operator=(const FeatureStore&) = delete;

  int64_t num_jobs() const { return static_cast<int64_t>(entries_.size()); }

  /// Of a job's file. Waits until they are known; throws Error if the file cannot be read.
  const FeatureHashes& hashes(int64_t job) const;

  /// Waits until a job's file is read; throws Error if it cannot be.
  void wait_until_read(int64_t job) const;

  /// Examples of a job's file, skipped ones not counted. Waits until they are known; throws Error
  /// if the file cannot be read.
  int64_t num_examples(int64_t job) const;

  /// The features of a job, sooner or later; get() throws what went wrong. Valid beyond the store.
  FeaturesFuture features(int64_t job) const;

 private:
  struct Entry {
    FeatureJob job;
    std::promise<FeatureHashes> hashes_promise;
    std::promise<void> read_promise;
    std::promise<int64_t> examples_promise;
    std::promise<FeaturesPtr> features_promise;
    std::shared_future<FeatureHashes> hashes;
    std::shared_future<void> read;
    std::shared_future<int64_t> examples;
    FeaturesFuture features;
  };

  void run(const std::stop_token& stop);
  static void give(Entry& entry, FeaturesPtr features);
  static void give_exception(Entry& entry);

  std::vector<Entry> entries_;
  const Tokenizer& tokenizer_;
  int max_seq_length_;
  std::string cache_dir_;
  int threads_;
  std::jthread worker_;  // last: it uses all of the above
};

}  // namespace pals
