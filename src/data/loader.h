// From features to packed batches: shuffled ones prepared ahead for training, sorted ones for
// evaluation.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "batch/packed_batch.h"
#include "data/feature_store.h"
#include "data/sampler.h"
#include "features/features.h"

namespace pals {

/// A teacher's logits for all rows of a task's training examples; null: it has no teacher.
using TaughtLogits = std::shared_ptr<const std::vector<float>>;

/// What a teacher counts in the loss of a step: it falls linearly from 1 in step 0 to 0 in step
/// `steps`.
double teacher_weight(int64_t step, int64_t steps);

/// What one optimizer step trains on: examples of one task.
struct TrainingBatch {
  int64_t step = 0;
  int task = 0;
  int64_t task_step = 0;     ///< steps before this one that took the same task
  int64_t num_examples = 0;  ///< of all micro batches together; row_ids count from 0 across them
  std::vector<PackedBatch> micro_batches;  ///< never empty ones: a short batch may have fewer
};

struct TrainingLoaderOptions {
  int64_t batch_size = 32;         ///< examples of a step
  int64_t accumulation_steps = 1;  ///< micro batches of a step; must divide batch_size
  uint64_t seed = 42;
  int64_t first_step = 0;
  int64_t last_step = 0;                    ///< steps [first_step, last_step) are handed out
  int64_t queue_length = 4;                 ///< steps prepared ahead
  std::vector<TaughtLogits> teachers = {};  ///< of each task; empty: no task has one
  int64_t teacher_steps = 0;                ///< from which on teachers count nothing
};

/// Hands out the steps' batches in order, prepared ahead on a background thread. A task's batches
/// go through its examples pass by pass, each pass freshly shuffled; a pass's last batch may be
/// short. What a step gets depends on (seed, sampler, batch_size, step) alone, so that a resumed
/// run sees what an uninterrupted one would have.
class TrainingLoader {
 public:
  /// `features[t]` are the training examples of task t, sampler.sizes()[t] of them (ready or not: a
  /// step waits for its own task only). Throws UsageError for impossible sizes.
  TrainingLoader(std::vector<FeaturesFuture> features, TaskSampler sampler,
                 const TrainingLoaderOptions& options);
  ~TrainingLoader();
  TrainingLoader(const TrainingLoader&) = delete;
  TrainingLoader& operator=(const TrainingLoader&) = delete;

  /// The next step's batch. Waits for it; throws what went wrong in preparing it (and again in
  /// later calls). Must not be called once last_step is reached.
  TrainingBatch next();

 private:
  /// Where a task stands: its pass in hand, and that pass's order of examples.
  struct Position {
    int64_t batches_drawn = 0;
    int64_t shuffled_pass = -1;
    std::vector<uint32_t> order;
  };

  void run(const std::stop_token& stop);
  TrainingBatch prepare(int64_t step, const std::stop_token& stop);
  void teach(int task, int64_t example, PackedBatch& batch) const;
  const FeatureSet& wait_for(int task, const std::stop_token& stop);

  std::vector<FeaturesFuture> features_;
  TaskSampler sampler_;
  TrainingLoaderOptions options_;
  int64_t next_step_;
  std::vector<Position> positions_;  // the background thread's own

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<TrainingBatch> queue_;
  std::exception_ptr failure_;
  std::jthread worker_;  // last: it uses all of the above
};

/// Examples to evaluate: those of one file of one task.
struct EvaluationSource {
  int task = 0;
  FeaturesPtr features;
};

/// All examples of its sources in batches of examples of like length, the longest first (so that
/// memory is short at once or not at all). Examples of several tasks mix; a row's row_id is its
/// place in the sources' rows laid end to end.
class EvaluationLoader {
 public:
  /// Where a row comes from.
  struct Row {
    int64_t source = 0;
    int64_t row = 0;
  };

  /// Throws UsageError if examples_per_batch < 1.
  EvaluationLoader(std::vector<EvaluationSource> sources, int64_t examples_per_batch);

  int64_t num_rows() const { return first_row_ids_.back(); }
  int64_t num_examples() const { return static_cast<int64_t>(order_.size()); }
  int64_t num_batches() const { return steps_per_pass(num_examples(), examples_per_batch_); }

  /// Batch i in [0, num_batches()). Safe from several threads.
  PackedBatch batch(int64_t i) const;

  /// The row behind a row_id, and the row_id of a source's first row.
  Row row(int64_t row_id) const;
  int64_t first_row_id(int64_t source) const {
    return first_row_ids_.at(static_cast<size_t>(source));
  }

 private:
  struct Place {
    size_t source;
    int64_t example;
  };

  int64_t longest_row(const Place& place) const;

  std::vector<EvaluationSource> sources_;
  int64_t examples_per_batch_;
  std::vector<int64_t> first_row_ids_;  ///< one more than sources
  std::vector<Place> order_;            ///< batch after batch
};

}  // namespace pals
