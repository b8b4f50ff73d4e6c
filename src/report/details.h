// What an evaluation shows beyond its scores, for the terminal and for programs.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/json.h"
#include "report/row_texts.h"
#include "report/sections.h"

namespace pals {

/// {"metrics": {name: value}, "intervals": {name: [low, high]}, "per_class": {label: {"precision",
/// "recall", "f1", "support", "predicted"}}, "baseline": {"guess", "metric", "value"},
/// "calibration_error": x}, each where the task's kind has it.
OrderedJson details_json(const TaskAnalysis& analysis);

/// The same as tables for the terminal.
std::string details_table(const TaskAnalysis& analysis);

/// The wrong rows of tasks as JSON, a line each, the worst of each task first: {"task", "split",
/// "row", "id", "gold", "prediction", "probability", "texts"}. `texts_of`: a task's texts, or null.
std::string error_lines(std::span<const AnalysedTask> tasks,
                        const std::function<RowTexts*(const AnalysedTask&)>& texts_of);

}  // namespace pals
