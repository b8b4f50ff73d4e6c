#include "data/feature_store.h"

#include <exception>
#include <optional>
#include <utility>

#include "base/error.h"
#include "catalog/reader.h"
#include "data/feature_cache.h"
#include "features/parallel.h"
#include "kinds/kind.h"

namespace pals {
namespace {

/// Serves a promise, unless it was served before.
template <typename Promise, typename Serve>
void serve_once(Promise& promise, const Serve& serve) {
  try {
    serve(promise);
  } catch (const std::future_error&) {
  }
}

}  // namespace

FeaturesFuture ready_features(FeaturesPtr features) {
  std::promise<FeaturesPtr> promise;
  promise.set_value(std::move(features));
  return promise.get_future().share();
}

FeaturesFuture joined_features(std::vector<FeaturesFuture> parts) {
  if (parts.size() == 1) return parts.front();
  return std::async(std::launch::deferred,
                    [parts = std::move(parts)]() -> FeaturesPtr {
                      std::vector<FeaturesPtr> ready;
                      for (const FeaturesFuture& part : parts) ready.push_back(part.get());
                      return std::make_shared<const FeatureSet>(join_features(ready));
                    })
      .share();
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
    entry.hashes = entry.hashes_promise.get_future().share();
    entry.read = entry.read_promise.get_future().share();
    entry.examples = entry.examples_promise.get_future().share();
    entry.features = entry.features_promise.get_future().share();
  }
  worker_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FeatureStore::~FeatureStore() = default;

const FeatureHashes& FeatureStore::hashes(int64_t job) const {
  return entries_.at(static_cast<size_t>(job)).hashes.get();
}

void FeatureStore::wait_until_read(int64_t job) const {
  entries_.at(static_cast<size_t>(job)).read.get();
}

int64_t FeatureStore::num_examples(int64_t job) const {
  return entries_.at(static_cast<size_t>(job)).examples.get();
}

FeaturesFuture FeatureStore::features(int64_t job) const {
  return entries_.at(static_cast<size_t>(job)).features;
}

void FeatureStore::give(Entry& entry, FeaturesPtr features) {
  report_reading(entry.job.task, entry.job.file, *features);
  serve_once(entry.read_promise, [](auto& promise) { promise.set_value(); });
  serve_once(entry.examples_promise,
             [&](auto& promise) { promise.set_value(features->num_examples()); });
  serve_once(entry.features_promise, [&](auto& promise) { promise.set_value(features); });
}

/// Passes the exception in hand on to whoever waits.
void FeatureStore::give_exception(Entry& entry) {
  const auto pass_on = [](auto& promise) { promise.set_exception(std::current_exception()); };
  serve_once(entry.hashes_promise, pass_on);
  serve_once(entry.read_promise, pass_on);
  serve_once(entry.examples_promise, pass_on);
  serve_once(entry.features_promise, pass_on);
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
      entry.hashes_promise.set_value({request.file_hash, request.key});
      if (FeaturesPtr cached = find_features(request, cache_dir_)) {
        give(entry, std::move(cached));
        return;
      }
      ExampleSet set = read_examples(job.task, job.file, job.base_dir);
      entry.read_promise.set_value();
      if (const std::optional<int64_t> examples = kind_of(job.task).count_examples(set)) {
        entry.examples_promise.set_value(*examples);
      }
      pending[static_cast<size_t>(i)].emplace(Pending{std::move(request), std::move(set)});
    } catch (...) {
      give_exception(entry);
    }
  });

  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!pending[i]) continue;
    try {
      const FeatureJob& job = entries_[i].job;
      const auto features = std::make_shared<const FeatureSet>(
          kind_of(job.task).make_features(job.task, pending[i]->set, job.file.is_training(),
                                          {tokenizer_, max_seq_length_}, {threads_, stop}));
      pending[i]->set = {};
      give(entries_[i], features);
      keep_features(pending[i]->request, *features, cache_dir_);
    } catch (...) {
      give_exception(entries_[i]);
    }
  }
}

}  // namespace pals
