// What a run writes down, as plain types: the lines of metrics.jsonl and eval_results.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"

namespace pals {

/// Of metrics.jsonl. Files without a version are of 1, which states none; 3 has StartRecord,
/// EpochRecord and TimeRecord.
inline constexpr int64_t kMetricsVersion = 3;

/// Of eval_results.json; the same holds.
inline constexpr int64_t kResultsVersion = 2;

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
  int64_t version = kMetricsVersion;

  bool operator==(const VersionRecord&) const = default;
};

/// A process that began or went on with the run.
struct StartRecord {
  int64_t from_step = 0;             ///< steps done before
  int64_t time = 0;                  ///< seconds since 1970, UTC
  std::string program;               ///< its version
  std::vector<std::string> command;  ///< its arguments; empty if a library's user started it
  std::string device;                ///< "cpu", or a GPU's name
  std::string precision;
  int64_t ranks = 1, threads = 1;  ///< processes, and the threads of each
  int64_t total_steps = 0, steps_per_epoch = 0;
  std::map<std::string, int64_t> examples;  ///< for training, of each task
  std::map<std::string, int64_t> shared;    ///< parameters of the parts that all tasks use
  std::map<std::string, std::map<std::string, int64_t>> own;  ///< and of each task's parts

  bool operator==(const StartRecord&) const = default;
};

/// The first step of an epoch, and the odds of each task in it.
struct EpochRecord {
  int64_t epoch = 0;    ///< from 1
  int64_t at_step = 0;  ///< steps done before it
  std::map<std::string, double> probabilities;

  bool operator==(const EpochRecord&) const = default;
};

/// What the time went to since a process began, on the first rank.
struct TimeRecord {
  int64_t until_step = 0, from_step = 0;  ///< steps done; of them by processes before
  double wall_seconds = 0.0;
  std::map<std::string, double> seconds;  ///< by what was done; the sum is wall_seconds
  int64_t peak_bytes = 0;                 ///< the most memory that the process had

  bool operator==(const TimeRecord&) const = default;
};

/// One optimizer step.
struct StepRecord {
  int64_t step = 0;  ///< from 0
  std::string task;
  double loss = 0.0;  ///< mean over the rows
  double learning_rate = 0.0;
  int64_t rows = 0;
  int64_t tokens = 0;                         ///< of these rows
  std::optional<double> teacher_weight = {};  ///< of a task with a teacher: its part of the loss

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

using MetricsRecord = std::variant<VersionRecord, StartRecord, EpochRecord, StepRecord,
                                   EvaluationRecord, TimeRecord, SpeedRecord, DamagedLine>;

/// A line's object.
OrderedJson to_json(const VersionRecord& record);
OrderedJson to_json(const StartRecord& record);
OrderedJson to_json(const EpochRecord& record);
OrderedJson to_json(const TimeRecord& record);
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
  int64_t version = kResultsVersion;
  bool finished = true;  ///< false: of a run that was over once and became longer
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
