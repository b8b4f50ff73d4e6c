// The scores of a run: the last evaluation's, and the best ones.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "eval/scores.h"

namespace pals {

class RunResults {
 public:
  /// Notes an evaluation's scores as the last ones.
  void add(const std::vector<TaskScores>& scores);
  const Json& last() const { return last_; }

  /// Whether the scores after `step` are the best so far, by the average over the tasks, or of one
  /// task; if so, keeps them.
  bool keep_average(int64_t step, const std::vector<TaskScores>& scores);
  bool keep_task(int64_t step, const TaskScores& scores);

  /// As parts of a checkpoint's state.
  void save(Json& state) const;
  void restore(const Json& state);

  /// The content of eval_results.json: the best model by average, as `pals eval --model <run>/best`
  /// gives it again; then the last one, and each task's best.
  OrderedJson to_json() const;
  /// The best model's scores for the terminal; empty without an evaluation.
  std::string table() const;

 private:
  Json best_ = Json::object(), last_ = Json::object();
};

}  // namespace pals
