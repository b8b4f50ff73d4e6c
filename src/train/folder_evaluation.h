// A saved model scored on the development sets of its tasks, as `pals eval` does it.
#pragma once

#include <optional>
#include <stop_token>

#include "runlog/records.h"
#include "settings/use_options.h"
#include "train/evaluator.h"

namespace pals {

/// Does the work of one rank of the launch: nothing on ranks other than the first. With
/// options.output_dir it writes the answers of span tasks. UsageError for tasks that the model has
/// not, Error for faults in files and data, and once `stop` is requested.
std::optional<Evaluation> evaluate_folder(const EvalOptions& options, const std::stop_token& stop);

/// Its scores as a run writes them down.
ScoresRecord scores_record(const Evaluation& evaluation);

}  // namespace pals
