// --sample auto: each epoch's odds follow the tasks' progress in the one before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/sampler.h"
#include "eval/scores.h"

namespace pals {

/// By what a task's odds are multiplied after an evaluation: e^(5 d), d = 1 - after / before how
/// far its development loss fell since the one before, at most 0.2 either way.
double progress_factor(double before, double after);

/// What is known of the tasks' progress. A function of the evaluations alone, so that ranks and
/// runs that go on agree.
class ProgressSampling {
 public:
  /// `tasks`: their names, in the sampler's order.
  explicit ProgressSampling(std::vector<std::string> tasks) : tasks_(std::move(tasks)) {}

  /// Notes the evaluation at the end of an epoch (from 1), and gives the sampler the factors of the
  /// next one. Those of tasks without a development file, and of all after the first evaluation,
  /// are 1.
  void add(const std::vector<TaskScores>& scores, int64_t epoch, TaskSampler& sampler);

  /// As a part of a checkpoint's state, and back. Error for a state that is not of such tasks.
  Json to_json() const;
  void restore(const Json& state, TaskSampler& sampler);

 private:
  std::vector<std::string> tasks_;
  std::vector<double> losses_;                ///< of the last evaluation; negative: there is none
  std::vector<std::vector<double>> factors_;  ///< by epoch
};

}  // namespace pals
