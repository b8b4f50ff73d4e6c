// What each task of a run has come to, as lines for a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "eval/scores.h"
#include "runlog/records.h"
#include "train/plan.h"

namespace pals {

/// A task before the first step of a process. Passes are over its training examples.
struct BoardTask {
  std::string name;
  double passes_done = 0.0;  ///< by earlier processes
  double passes_planned = 0.0;
  double passes_a_step = 0.0;
};

/// The tasks of a run that goes on at `first_step`; `names` in the plan's order.
std::vector<BoardTask> board_tasks(const std::vector<std::string>& names, const RunPlan& plan,
                                   int64_t first_step);

/// Takes what the run notes of its steps and evaluations; one thread uses it.
class TaskBoard {
 public:
  explicit TaskBoard(const std::vector<BoardTask>& tasks);

  void add(const StepRecord& step);
  void add(const std::vector<TaskScores>& scores);

  /// A line for each task: loss, last score, passes, as far as all of them fit the columns. Of more
  /// tasks than rows those that were trained last and, from three rows on, how many more there are.
  std::vector<std::string> lines(WindowSize room) const;

  /// Of this process, which has taken so long: "412 rows/s"; empty if nothing is known yet.
  std::string rate(double seconds) const;

 private:
  struct Row {
    BoardTask task;
    int64_t steps = 0, last_step = -1;  ///< of this process
    double loss = 0.0;                  ///< a running mean
    std::optional<double> score;
  };

  Row& row_of(const std::string& task);
  std::vector<const Row*> trained_last(size_t most) const;
  std::string line(const Row& row, int columns) const;

  std::vector<Row> rows_;
  int64_t rows_trained_ = 0;  ///< of data
  size_t name_width_ = 0, passes_width_ = 0;
};

}  // namespace pals
