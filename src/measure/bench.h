// What `pals bench` measures: training and prediction of a model on this machine, works in turns.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "kernels/profile.h"
#include "measure/task_rows.h"
#include "measure/training_side.h"

namespace pals {

/// The model and the rows that are measured.
struct BenchWork {
  MeasuredModel model;
  std::vector<TaskRows> rows;  ///< one entry for each head
};

struct BenchOptions {
  int64_t batch_size = 32;
  int64_t batches = 8;  ///< of a round
  int rounds = 3;
  std::vector<Precision> precisions = {at::kFloat, at::kBFloat16};
  std::stop_token stop = {};
};

/// One work in one precision: `rounds` times the same batches.
struct BenchResult {
  std::string work;  ///< "train", ...
  std::string precision;
  int64_t batches = 0, tokens = 0;  ///< of a round; tokens without padding
  std::vector<double> seconds;      ///< of each round
  std::string against;              ///< the work, of the same precision, to compare with; or empty
  double ratio = 0;                 ///< median over the rounds of its seconds / these
  double product_seconds = 0;       ///< by at::mm on the same shapes, a round; 0: not measured
  double product_flops = 0;         ///< of a round
  int64_t peak_bytes = 0;           ///< taken by model and work; 0: not measured
  ProfileTimes profile;             ///< of all rounds; without the list of products

  double median_seconds() const;  ///< of a round
};

/// Measures all works of all precisions (int8: prediction alone), with progress on stderr. Throws
/// UsageError for counts below 1, Error once `stop` is requested.
std::vector<BenchResult> run_bench(const BenchWork& work, const BenchOptions& options);

}  // namespace pals
