// Several runs beside each other: runs that differ in their seed alone are one setting.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/bootstrap.h"
#include "report/run_data.h"

namespace pals {

/// Mean and spread of some runs' figures.
struct Spread {
  double mean = 0.0;
  double deviation = 0.0;  ///< the standard deviation of a sample (n - 1); 0 of one run
  int64_t count = 0;
};

Spread spread_of(const std::vector<double>& values);

/// What stands in a row of the table: of a run a number, or nothing.
using RunFigures = std::map<std::string, double>;

/// Runs that differ in nothing that changes the result, but their seed.
struct Setting {
  std::string name;  ///< in what it differs from the others
  std::vector<const RunData*> runs;
};

/// How much better a setting is than the first one at a task, over the same development rows.
struct PairedDifference {
  std::string task, metric, setting;
  int64_t pairs = 0;        ///< of runs, by seed where they share seeds
  double difference = 0.0;  ///< this setting's metric less the first one's
  std::optional<Interval> interval = {};
  double share_better = 0.0;  ///< of the resamples in which this setting is the better one
};

/// A run, and another one that is measured by it.
using RunPair = std::pair<const RunData*, const RunData*>;

/// The difference of the second runs from the first ones at a task, by its first metric; nothing if
/// no pair has predictions of the same rows, of which `notes` then say why. Without a setting.
std::optional<PairedDifference> paired_difference(const std::string& task,
                                                  const std::vector<RunPair>& runs,
                                                  std::vector<std::string>& notes);

struct Comparison {
  std::vector<Setting> settings;         ///< in the order in which their runs came
  std::vector<PairedDifference> paired;  ///< of the second setting on
  std::vector<std::string> notes;
};

/// Compares runs, which must outlive the result.
Comparison compare_runs(const std::vector<RunData>& runs);

/// The scores of a run's best model by average: {"average": ..., "rte accuracy": ..., ...}, without
/// losses; of a run that is not finished the best so far. Empty without an evaluation.
RunFigures score_figures(const RunData& run);

/// What a run cost: {"seconds": ..., "steps": ..., "parameters": ..., "peak_bytes": ...}, as far as
/// its log tells.
RunFigures cost_figures(const RunData& run);

/// The same as JSON: {"settings": [{"name", "runs", "scores", "cost"}], "paired": [...]}.
OrderedJson comparison_json(const Comparison& comparison);

/// The scores of each setting as a table for the terminal.
std::string comparison_table(const Comparison& comparison);

/// The page that shows it.
std::string comparison_page(const std::vector<RunData>& runs, const Comparison& comparison);

}  // namespace pals
