// A run as its folder tells of it: finished, going on, stopped, or of an older version.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "report/series.h"
#include "runlog/predictions.h"
#include "runlog/records.h"
#include "tasks/task.h"

namespace pals {

/// A sum of counts, each at most 10^15, that cannot overflow.
inline int64_t bounded_sum(int64_t sum, int64_t count) {
  return std::min(int64_t{1'000'000'000'000'000'000}, sum + count);
}

/// The steps of one task.
struct TaskSteps {
  Series losses;  ///< by step
  int64_t rows = 0, tokens = 0;
};

/// What metrics.jsonl tells.
struct RunHistory {
  int64_t version = 1;
  std::vector<StartRecord> starts;
  std::vector<EpochRecord> epochs;
  std::vector<EvaluationRecord> evaluations;
  std::vector<TimeRecord> times;
  std::optional<SpeedRecord> speed;  ///< the last
  std::map<std::string, TaskSteps> tasks;
  Series learning_rates;                              ///< by step
  std::vector<std::pair<int64_t, int64_t>> progress;  ///< steps and rows done at each of `times`
  int64_t steps = 0;                                  ///< done
  int64_t rows = 0;                                   ///< of all of them
  int64_t damaged = 0;                                ///< lines that hold nothing known
};

/// Reads the bytes of metrics.jsonl, in memory that has a bound. Never throws for what they hold.
RunHistory parse_history(std::string_view bytes);

struct RunData {
  std::string folder, name;
  bool finished = false;
  RunHistory history;
  std::optional<ResultsRecord> results;
  Json options = Json::object(), identity = Json::object();  ///< empty if unknown
  std::vector<Task> tasks;  ///< as the model folder has them; empty if there is none
  std::vector<TaskPredictions> predictions;
  std::vector<std::string> notes;  ///< what the folder lacks, or holds damaged, a sentence each

  /// The task of that name, or null.
  const Task* find_task(const std::string& name) const;
  /// The hash of a task's file, as the run began with it; empty if unknown.
  std::string data_hash(const std::string& task, const std::string& split) const;
  /// Parameters of the last start, by all parts; 0 if unknown.
  int64_t parameters() const;
  /// An option's value; "" if unknown.
  std::string option_text(const char* name) const;
};

/// Whether a folder holds a run, whole or not.
bool holds_run(const std::string& folder);

/// The folders below one that hold runs, by name: those of `pals compare` and `pals transfer`.
std::vector<std::string> runs_below(const std::string& folder);

/// Reads a run's folder. Error if it holds no run; what else is missing or damaged is a note.
RunData read_run(const std::string& folder);

}  // namespace pals
