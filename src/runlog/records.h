// What a run writes down, as plain types: the lines of metrics.jsonl and eval_results.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/json.h"

namespace pals {

/// Of metrics.jsonl and eval_results.json. Files without a version are of 1, which states none.
inline constexpr int64_t kRunLogVersion = 2;

/// A task's metrics by name and its "loss". What is undefined (a correlation of constants) is null.
using TaskValues = std::map<std::string, std::optional<double>>;

/// The scores of one evaluation.
struct ScoresRecord {
  double average = 0.0;  ///< of the tasks' scores
  std::map<std::string, TaskValues> tasks;

  bool operator==(const ScoresRecord&) const = default;
};

/// The first line of a file.
struct VersionRecord {
  int64_t version = kRunLogVersion;

  bool operator==(const VersionRecord&) const = default;
};

/// One optimizer step.
struct StepRecord {
  int64_t step = 0;  ///< from 0
  std::string task;
  double loss = 0.0;  ///< mean over the rows
  double learning_rate = 0.0;
  int64_t rows = 0;
  int64_t tokens = 0;  ///< of these rows

  bool operator==(const StepRecord&) const = default;
};

/// One evaluation over all development sets.
struct EvaluationRecord {
  int64_t after_step = 0;  ///< steps done
  int64_t epoch = 0;       ///< from 1
  ScoresRecord scores;

  bool operator==(const EvaluationRecord&) const = default;
};

/// What many processes gave to each other, by step.
struct TrafficRecord {
  double bytes_a_step = 0.0;
  double communication_seconds_a_step = 0.0;
  double waited_seconds_a_step = 0.0;
  double hidden = 0.0;  ///< share of the communication that passed behind computation

  bool operator==(const TrafficRecord&) const = default;
};

/// How fast the steps since the start, or the resumption, were.
struct SpeedRecord {
  int64_t until_step = 0;
  int64_t ranks = 1;
  int64_t steps = 0;
  double seconds_a_step = 0.0;
  std::optional<TrafficRecord> traffic;  ///< with more than one rank

  bool operator==(const SpeedRecord&) const = default;
};

/// A line that holds none of these.
struct DamagedLine {
  std::string problem;      ///< "it is not valid JSON"
  bool unfinished = false;  ///< the last line, without its end: an interrupted write

  bool operator==(const DamagedLine&) const = default;
};

using MetricsRecord =
    std::variant<VersionRecord, StepRecord, EvaluationRecord, SpeedRecord, DamagedLine>;

/// A line's object.
OrderedJson to_json(const VersionRecord& record);
OrderedJson to_json(const StepRecord& record);
OrderedJson to_json(const EvaluationRecord& record);
OrderedJson to_json(const SpeedRecord& record);

/// Each task's best evaluation.
struct TaskBestRecord {
  int64_t step = 0;
  double score = 0.0;
  TaskValues values;

  bool operator==(const TaskBestRecord&) const = default;
};

/// The content of eval_results.json. Without an evaluation only the version.
struct ResultsRecord {
  int64_t version = kRunLogVersion;
  struct Evaluated {
    ScoresRecord best;  ///< by average
    int64_t step = 0;   ///< after which that was
    ScoresRecord last;

    bool operator==(const Evaluated&) const = default;
  };
  std::optional<Evaluated> evaluated;
  std::map<std::string, TaskBestRecord> best_by_task;  ///< empty for a single task

  bool operator==(const ResultsRecord&) const = default;
};

OrderedJson to_json(const ResultsRecord& record);

/// Reads what to_json() made, of this version or an earlier one. Errors begin with `where` and name
/// the key; a later version is one.
ResultsRecord parse_results(const Json& json, const std::string& where);

/// Scores as they stand in both files, there and back. Error as above.
OrderedJson to_json(const ScoresRecord& scores);
ScoresRecord parse_scores(const Json& json, const std::string& where);

}  // namespace pals
