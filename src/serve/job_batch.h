// A batch of rows of several jobs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/packed_batch.h"
#include "serve/job.h"

namespace pals {

/// Examples of jobs that agree in their runner and their vectors. Rows are sorted by trunk, the
/// longest first; tasks that share a trunk share a segment, which is asked for the heads of all.
class JobBatch {
 public:
  /// Makes room in a job for what will come of it.
  static void prepare(Job& job);
  static bool fit_together(const Job& one, const Job& other);

  void add(const std::shared_ptr<Job>& job, size_t source, int64_t example);
  bool empty() const { return examples_.empty(); }
  int64_t num_tokens() const { return num_tokens_; }
  int64_t num_examples() const { return static_cast<int64_t>(examples_.size()); }

  /// Runs all examples and hands each job its part. Throws what Runner::run throws.
  void run();

 private:
  struct Place {
    std::shared_ptr<Job> job;
    size_t source = 0;
    int64_t example = 0;
    int trunk = 0;
    int64_t longest_row = 0;
  };
  struct Row {
    const Place* place = nullptr;
    int64_t row = 0;  ///< of the source
  };

  int trunk_of(const Runner& runner, int task);
  void lay_out();
  void take_heads(const RunOutputs& outputs) const;
  void take_head(const Segment& segment, const HeadOutputs& head) const;
  void take_vectors(const RunOutputs& outputs) const;

  std::vector<Place> examples_;
  std::vector<int> trunks_;  ///< tasks that stand for their trunks
  int64_t num_tokens_ = 0;
  PackedBatch batch_;
  Wanted wanted_;
  std::vector<Row> rows_;  ///< by row id
};

}  // namespace pals
