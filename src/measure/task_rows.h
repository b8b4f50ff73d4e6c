// The rows that timings run on: real ones out of data files, or generated ones of like lengths.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "features/features.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// A task and some of its rows.
struct TaskRows {
  Task task;
  FeatureSet features;

  double mean_length() const;  ///< tokens a row
};

/// How many rows, and how long at most.
struct RowLimits {
  int max_seq_length = 128;
  int64_t rows_per_task = 300;
  int row_length = 0;  ///< of every generated row; 0: random lengths
};

/// Training rows of each task, drawn from its file in an order that is always the same. Throws
/// UsageError for a task without a training file, Error for missing or faulty files.
std::vector<TaskRows> read_task_rows(const std::vector<Task>& tasks, const std::string& data_dir,
                                     const Tokenizer& tokenizer, const RowLimits& limits,
                                     int threads = 0);

/// Random tokens below `vocab_size` in rows of random length, unless the limits say which. The mean
/// is what GLUE's texts have (CoLA 11 tokens, RTE 66), 34 for other tasks.
std::vector<TaskRows> generate_task_rows(const std::vector<Task>& tasks, int64_t vocab_size,
                                         const RowLimits& limits);

}  // namespace pals
