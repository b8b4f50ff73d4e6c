// The scores of a run: the last evaluation's, and the best ones.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/scores.h"
#include "runlog/records.h"

namespace pals {

class RunResults {
 public:
  /// Notes an evaluation's scores as the last ones.
  void add(const std::vector<TaskScores>& scores);
  const ScoresRecord& last() const { return last_; }

  /// Whether the scores after `step` are the best so far, by the average over the tasks, or of one
  /// task; if so, keeps them. Of equal scores those with the lower loss are better.
  bool keep_average(int64_t step, const std::vector<TaskScores>& scores);
  bool keep_task(int64_t step, const TaskScores& scores);

  /// The steps after which the best models were saved.
  std::optional<int64_t> best_step() const;
  /// The last of them: since then no task became better, where each task's best is kept.
  std::optional<int64_t> last_best_step() const;
  const std::map<std::string, TaskBestRecord>& best_tasks() const { return best_tasks_; }
  /// The next evaluation is the best.
  void forget_best() { best_.reset(); }
  void forget_task(const std::string& task) { best_tasks_.erase(task); }

  /// As parts of a checkpoint's state. restore() throws Error "where: ..." for what save() did not
  /// make.
  void save(Json& state) const;
  void restore(const Json& state, const std::string& where);

  /// The content of eval_results.json: the best model by average, as `pals eval --model <run>/best`
  /// gives it again; then the last one, and each task's best.
  ResultsRecord record() const;
  /// The best model's scores for the terminal; empty without an evaluation.
  std::string table() const { return best_ ? best_->table : ""; }

 private:
  struct Best {
    int64_t step = 0;
    double score = 0.0;
    ScoresRecord scores;
    std::string table;
  };

  std::optional<Best> best_;
  std::map<std::string, TaskBestRecord> best_tasks_;
  ScoresRecord last_;
};

}  // namespace pals
