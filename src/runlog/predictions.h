// dev_predictions/TASK.jsonl: what a model predicted for each row of a task's development sets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pals {

inline constexpr int64_t kPredictionsVersion = 1;

/// A longer line is a damaged one.
inline constexpr size_t kMaxPredictionLine = size_t{4} << 20;

/// The first line.
struct PredictionsHead {
  int64_t version = kPredictionsVersion;
  std::string task;
  std::string kind;                 ///< classification, regression, ...
  std::vector<std::string> labels;  ///< classes, labels or tags, in the order of `probabilities`
  int64_t step = 0;                 ///< steps that the model has had

  bool operator==(const PredictionsHead&) const = default;
};

/// One example. `gold` and `prediction` are a label; a list of labels, or of the words' tags; a
/// value in the units of the data; the number of a choice; or an answer, with a list of right ones
/// in `gold`.
struct PredictionRecord {
  std::string split;  ///< "dev", "dev_matched", ...
  int64_t row = 0;    ///< the example's number in its file, from 0; those left out do not count
  std::string id;     ///< of a question of a span task; else empty
  Json gold;
  Json prediction;
  std::vector<double> probabilities;  ///< of classes, labels or choices, to six places; else empty
  std::optional<double> probability;  ///< of an answer

  bool operator==(const PredictionRecord&) const = default;
};

/// A task's predictions.
struct TaskPredictions {
  PredictionsHead head;
  std::vector<PredictionRecord> rows;  ///< split after split

  bool operator==(const TaskPredictions&) const = default;
};

/// Writes the file at once or not at all. Throws Error.
void write_predictions(const std::string& path, const TaskPredictions& predictions);

/// Reads it from bytes. A damaged line is left out and named in `damaged` ("line 7: ..."). Throws
/// Error "where: ..." for a head that is damaged or of a later version.
TaskPredictions parse_predictions(std::string_view bytes, const std::string& where,
                                  std::vector<std::string>& damaged);

}  // namespace pals
