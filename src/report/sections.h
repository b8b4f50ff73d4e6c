// The parts of a run's page.
#pragma once

#include <string>
#include <vector>

#include "report/analysis.h"
#include "report/page.h"
#include "report/row_texts.h"
#include "report/run_data.h"

namespace pals {

/// A task's predictions and what they show.
struct AnalysedTask {
  const TaskPredictions* predictions = nullptr;
  const Task* task = nullptr;  ///< null: not known
  TaskAnalysis analysis;
};

/// The scores of all tasks: a table, and curves over the steps.
std::string scores_section(const RunData& run, const std::vector<AnalysedTask>& tasks,
                           const PageLimits& limits);

/// Losses, sampling, learning rate, throughput, and where the time went.
std::string training_section(const RunData& run, const PageLimits& limits);

/// One task: classes, confusion matrix, calibration, residuals, the worst errors.
std::string task_section(const AnalysedTask& task, RowTexts* texts, const PageLimits& limits);

/// The rows of a task that were predicted worst; empty without one. Of taggings the words are shown
/// with both tags.
std::string errors_card(const AnalysedTask& task, RowTexts* texts, const PageLimits& limits);

/// Parameters by part.
std::string model_section(const RunData& run);

/// The command, options, versions and hashes.
std::string origin_section(const RunData& run);

/// The id of a task's section.
std::string task_anchor(const std::string& task);

/// "0.842", with the interval in small letters behind.
std::string figure_with_interval(double value, const std::optional<Interval>& interval);

/// A run's seconds of training in all processes that the log tells of; 0 if it tells of none.
double run_seconds(const RunHistory& history);

}  // namespace pals
