// The batches that timings run on: which rows go into which, always the same for the same rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch/packed_batch.h"
#include "measure/task_rows.h"

namespace pals {

/// One example of a batch: of which task's rows, and for which task the model is asked.
struct BatchItem {
  int source = 0;
  int64_t example = 0;
  int task = 0;
};
using BatchPlan = std::vector<BatchItem>;

/// Lays a plan's examples, sorted by task, into a batch; row ids count from 0.
PackedBatch pack(const std::vector<TaskRows>& rows, const BatchPlan& plan);

/// How often each task is drawn in the paper's recipe: 25 epochs of 300 steps a task, anneal, with
/// GLUE's full training sizes (the reference's task order). One draw a step, 60,000 in all.
std::vector<int64_t> schedule_draws();

/// The schedule's draws if the tasks are GLUE's eight in the reference's order, else one for each.
std::vector<int64_t> usual_draws(const std::vector<TaskRows>& rows);

/// `count` tasks that stand for all draws: the draws are laid out sorted by their task's mean
/// length and read at even distances, so that even a short list has the schedule's mix of lengths.
/// Returned in a shuffled order that is always the same. Sizes of `draws` and `mean_lengths` agree.
std::vector<int> representative_tasks(const std::vector<int64_t>& draws,
                                      const std::vector<double>& mean_lengths, int64_t count);

/// Training batches, one task each, tasks as representative_tasks has them. Throws UsageError for
/// counts below 1.
std::vector<BatchPlan> training_plans(const std::vector<TaskRows>& rows,
                                      const std::vector<int64_t>& draws, int64_t batches,
                                      int64_t batch_size);

/// In which order prediction takes its rows, and for which tasks.
struct StreamOptions {
  int64_t batch_size = 32;
  bool sorted = false;  ///< the longest first, as `pals predict` does within a window
  int num_tasks = 1;    ///< rows are asked for task 0, or for tasks 0 to num_tasks - 1 in turn
};

/// The examples of all plans as one stream in a shuffled order that is always the same, cut into
/// batches.
std::vector<BatchPlan> stream_plans(const std::vector<TaskRows>& rows,
                                    const std::vector<BatchPlan>& plans,
                                    const StreamOptions& options);

/// Where the rows of a list come from and how many batches to make.
struct BatchListOptions {
  std::string data_dir;    ///< GLUE's folder (CoLA/train.tsv, ...)
  std::string vocab_file;  ///< an uncased vocabulary
  int64_t batches = 12;
  int64_t batch_size = 32;
  int max_seq_length = 128;
  int threads = 0;  ///< 0: all cores
};

/// The fixed list of comparisons with others: real GLUE rows, one task a batch, tasks as a whole
/// anneal schedule draws them.
struct BatchList {
  std::vector<std::string> task_names;  ///< GLUE's eight in the reference's order
  std::vector<int64_t> task_outputs;    ///< classes of each task's head; 1: regression
  int64_t vocab_size = 0;
  std::vector<TaskRows> rows;
  std::vector<BatchPlan> plans;
  std::vector<PackedBatch> batches;      ///< of the plans
  double tokens_per_batch = 0;           ///< real tokens, mean over `batches`
  double schedule_tokens_per_batch = 0;  ///< the same, estimated for the whole schedule
};

/// Reads, encodes and packs. The same options and files give the same list on every machine.
/// Throws UsageError for counts below 1, Error for missing or faulty files.
BatchList make_batch_list(const BatchListOptions& options);

/// Sorts the batches by how near they are to the schedule's mean tokens, so that a list cut short
/// still speaks for the schedule.
void put_typical_batches_first(BatchList& list);

}  // namespace pals
