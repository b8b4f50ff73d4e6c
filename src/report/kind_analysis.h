// One analysis for each AnalysisForm, of which a kind of task names its own; analyse() puts them
// together. Each fills in metric names, statistic, classes, calibration, baseline and wrong rows
// (in any order).
#pragma once

#include "report/analysis.h"

namespace pals {

void analyse_choices(const TaskPredictions& predictions, TaskAnalysis& analysis);
void analyse_values(const TaskPredictions& predictions, TaskAnalysis& analysis);
void analyse_answers(const TaskPredictions& predictions, const Task* task, TaskAnalysis& analysis);
void analyse_tags(const TaskPredictions& predictions, const Task* task, TaskAnalysis& analysis);
void analyse_label_sets(const TaskPredictions& predictions, TaskAnalysis& analysis);

/// A gold or predicted value for a reader: a label, a number, "a, b" for a list.
std::string value_text(const Json& value);

/// The texts of a list, or of a single one; numbers as text.
std::vector<std::string> texts_of(const Json& value);

/// Of class counts the most frequent.
size_t most_frequent(const std::vector<int64_t>& counts);

}  // namespace pals
