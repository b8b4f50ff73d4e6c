// The optimizer's settings as a run's options have them.
#pragma once

#include "parameters/parameter_table.h"
#include "settings/train_options.h"
#include "train/optimizer.h"

namespace pals {

OptimizerOptions optimizer_options(const TrainOptions& options);

/// Warns of a rate that no parameter of the model has. That is no error: of several runs with the
/// same flags others may have adapters.
void warn_of_idle_rates(const TrainOptions& options, const ParameterTable& table);

}  // namespace pals
