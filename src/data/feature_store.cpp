#include "data/feature_store.h"

#include <exception>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/feature_cache.h"
#include "data/parallel.h"
#include "tasks/reader.h"

namespace pals {
namespace {

/// Passes the exception in hand on to whoever waits, unless they were served before.
template <typename T>
void pass_on_exception(std::promise<T>& promise) {
  try {
    promise.set_exception(std::current_exception());
  } catch (const std::future_error&) {
  }
}

// The rows that a reader leaves out (those of another width in QQP) are not passed over in silence.
void report_skipped(const FeatureJob& job, int64_t skipped) {
  if (skipped == 0) return;
  log_warning(concat(job.task.name, " ", job.file.split, ": ", skipped,
                     skipped == 1 ? " row" : " rows", " of ", job.file.path,
                     " skipped for their number of columns"));
}

}  // namespace

FeaturesFuture ready_features(FeaturesPtr features) {
  std::promise<FeaturesPtr> promise;
  promise.set_value(std::move(features));
  return promise.get_future().share();
}

FeatureStore::FeatureStore(std::vector<FeatureJob> jobs, const Tokenizer& tokenizer,
                           int max_seq_length, std::string cache_dir, int threads)
    : tokenizer_(tokenizer),
      max_seq_length_(max_seq_length),
      cache_dir_(std::move(cache_dir)),
      threads_(threads) {
  entries_.reserve(jobs.size());
  for (FeatureJob& job : jobs) {
    Entry& entry = entries_.emplace_back();
    entry.job = std::move(job);
    entry.rows = entry.rows_promise.get_future().share();
    entry.features = entry.features_promise.get_future().share();
  }
  worker_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FeatureStore::~FeatureStore() = default;

int64_t FeatureStore::num_rows(int64_t job) const {
  return entries_.at(static_cast<size_t>(job)).rows.get();
}

FeaturesFuture FeatureStore::features(int64_t job) const {
  return entries_.at(static_cast<size_t>(job)).features;
}

void FeatureStore::run(const std::stop_token& stop) {
  struct Pending {
    FeatureRequest request;
    ExampleSet set;
  };
  std::vector<std::optional<Pending>> pending(entries_.size());

  // Nothing may leave this thread but through a promise.
  parallel_for(num_jobs(), threads_, [&](int64_t i) {
    Entry& entry = entries_[static_cast<size_t>(i)];
    try {
      if (stop.stop_requested()) fail("loading features was stopped");
      const FeatureJob& job = entry.job;
      FeatureRequest request(job.task, job.file, job.base_dir, tokenizer_, max_seq_length_);
      if (FeaturesPtr cached = find_features(request, cache_dir_)) {
        report_skipped(job, cached->skipped);
        entry.rows_promise.set_value(cached->num_rows());
        entry.features_promise.set_value(std::move(cached));
        return;
      }
      ExampleSet set = read_examples(job.task, job.file, job.base_dir);
      report_skipped(job, set.skipped);
      entry.rows_promise.set_value(static_cast<int64_t>(set.examples.size()));
      pending[static_cast<size_t>(i)].emplace(Pending{std::move(request), std::move(set)});
    } catch (...) {
      pass_on_exception(entry.rows_promise);
      pass_on_exception(entry.features_promise);
    }
  });

  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!pending[i]) continue;
    try {
      FeatureSet features =
          make_features(pending[i]->set.examples, tokenizer_, max_seq_length_, threads_, stop);
      features.skipped = pending[i]->set.skipped;
      pending[i]->set = {};
      const auto shared = std::make_shared<const FeatureSet>(std::move(features));
      entries_[i].features_promise.set_value(shared);
      keep_features(pending[i]->request, *shared, cache_dir_);
    } catch (...) {
      pass_on_exception(entries_[i].features_promise);
    }
  }
}

}  // namespace pals
