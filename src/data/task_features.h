// The features of one file of a task, of whatever kind the task is.
#pragma once

#include <stop_token>

#include "data/features.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// Encodes what was read from a file of the task, as make_features or make_span_features does; adds
/// the rows that its reader skipped.
FeatureSet make_task_features(const Task& task, const DataFile& file, const ExampleSet& set,
                              const Tokenizer& tokenizer, int max_seq_length, int threads = 0,
                              const std::stop_token& stop = {});

}  // namespace pals
