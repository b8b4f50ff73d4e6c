// What the heads say of whole sets of rows, run in batches that mix tasks.
#pragma once

#include <functional>
#include <vector>

#include "data/loader.h"
#include "model/multi_task_model.h"

namespace pals {

/// Sees a batch and what the model gave for it.
using AfterBatch =
    std::function<void(const EvaluationLoader&, const PackedBatch&, const MultiTaskModel::Output&)>;

/// Which of the batches a process runs: the first-th, and each stride-th from there on.
struct BatchShare {
  int64_t first = 0, stride = 1;
};

/// Runs all rows of the sources, or those of a share of the batches (the others' outputs are then
/// zero; neighbours are of like length, so that shares take equally long). Returns for each source
/// the head's outputs for its rows, in order: rows x outputs of the task, or of a span task tokens
/// of all rows x 2. Throws Error once SIGINT or SIGTERM has come.
std::vector<std::vector<float>> run_rows(const MultiTaskModel& model,
                                         std::vector<EvaluationSource> sources, int64_t batch_size,
                                         const AfterBatch& after_batch = {},
                                         const BatchShare& share = {});

}  // namespace pals
