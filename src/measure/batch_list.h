// The fixed list of batches that timings run on: real GLUE rows, tasks as a whole anneal schedule
// draws them with GLUE's full sizes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "batch/packed_batch.h"

namespace pals::bench {

/// Where the rows come from and how many batches to make.
struct BatchListOptions {
  std::string data_dir;    ///< GLUE's folder (CoLA/train.tsv, ...)
  std::string vocab_file;  ///< an uncased vocabulary
  int64_t batches = 12;
  int64_t batch_size = 32;
  int max_seq_length = 128;
  int threads = 0;  ///< 0: all cores
};

/// The batches, one task each, and what they are a sample of.
struct BatchList {
  std::vector<std::string> task_names;  ///< GLUE's eight in the reference's order
  std::vector<int64_t> task_outputs;    ///< classes of each task's head; 1: regression
  int64_t vocab_size = 0;
  std::vector<PackedBatch> batches;
  double tokens_per_batch = 0;           ///< real tokens, mean over `batches`
  double schedule_tokens_per_batch = 0;  ///< the same, estimated for the whole schedule
};

/// How often each task is drawn in the paper's recipe: 25 epochs of 300 steps a task, anneal, with
/// GLUE's full training sizes (the reference's task order). One draw a step, 60,000 in all.
std::vector<int64_t> schedule_draws();

/// `count` tasks that stand for all draws: the draws are laid out sorted by their task's mean
/// length and read at even distances, so that even a short list has the schedule's mix of lengths.
/// Returned in a shuffled order that is always the same. Sizes of `draws` and `mean_lengths` agree.
std::vector<int> representative_tasks(const std::vector<int64_t>& draws,
                                      const std::vector<double>& mean_lengths, int64_t count);

/// Reads, encodes and packs. The same options and files give the same list on every machine.
/// Throws UsageError for counts below 1, Error for missing or faulty files.
BatchList make_batch_list(const BatchListOptions& options);

/// Sorts the batches by how near they are to the schedule's mean tokens, so that a list cut short
/// still speaks for the schedule.
void put_typical_batches_first(BatchList& list);

}  // namespace pals::bench
