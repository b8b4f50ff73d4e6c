// Sets of rows run in batches that mix tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "data/loader.h"
#include "predict/runner.h"

namespace pals {

/// Rows, and the tasks whose heads are asked of each of them. All tasks share the first one's
/// trunk.
struct AskedRows {
  FeaturesPtr features;
  std::vector<int> tasks;
};

/// Where the logits of one task's head are among those of sources: of which, and which of its
/// tasks.
struct HeadPlace {
  size_t source = 0, number = 0;
};

/// The heads that some tasks ask rows for.
struct AskedHeads {
  std::vector<AskedRows> sources;
  std::vector<HeadPlace> places;  ///< of each task
};

/// `rows` are each task's own. Where tasks differ in their heads alone, those that ask the same
/// rows share one pass.
AskedHeads ask_heads(const Runner& runner, const std::vector<int>& tasks,
                     const std::vector<FeaturesPtr>& rows);

/// Which of the batches a process runs: the first-th, and each stride-th from there on.
struct BatchShare {
  int64_t first = 0, stride = 1;
};

/// Sees a batch and what it gave.
using AfterBatch =
    std::function<void(const EvaluationLoader&, const PackedBatch&, const RunOutputs&)>;

struct RunOptions {
  int64_t batch_size = 32;  ///< examples of a batch at most
  std::stop_token stop = {};
  BatchShare share = {};
  bool losses = false;  ///< for after_batch; each source is then asked for one task
  AfterBatch after_batch = {};
};

/// The logits of one head for all rows of a source, in order: rows x outputs, or tokens of all rows
/// x outputs.
using Logits = std::vector<float>;

/// Runs all rows of the sources, or those of a share of the batches (the others' logits are then
/// zero; neighbours are of like length, so that shares take equally long). Returns for each source
/// the logits of each of its tasks. Throws Error once `stop` is requested.
std::vector<std::vector<Logits>> run_rows(const Runner& runner,
                                          const std::vector<AskedRows>& sources,
                                          const RunOptions& options);

/// Runs all rows for `task`, and hands on what each batch gave; row ids are places in `rows`.
/// Throws as run_rows.
void run_wanted(const Runner& runner, int task, const FeaturesPtr& rows, const Wanted& wanted,
                const RunOptions& options,
                const std::function<void(const PackedBatch&, RunOutputs)>& take);

/// A vector for each row, [rows, hidden_size], computed for `task`. Throws as run_rows.
std::vector<float> run_vectors(const Runner& runner, int task, const FeaturesPtr& rows,
                               const VectorOptions& vectors, const RunOptions& options);

}  // namespace pals
