// Whether a run's options and the folder that they name go together.
#pragma once

#include <memory>

#include "settings/train_options.h"
#include "train/run_folder.h"

namespace pals {

/// What a run folder holds besides checkpoints and models.
inline constexpr const char* kRunConfigName = "/run_config.json";
inline constexpr const char* kResultsName = "/eval_results.json";
inline constexpr const char* kMetricsName = "/metrics.jsonl";
inline constexpr const char* kCheckpointsName = "/checkpoints";

/// UsageError if the folder holds a run of other options. Touches nothing.
void check_run_folder(const TrainOptions& options);

/// Makes the folder and states the options in it. Whoever holds the result has it to himself.
std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options);

}  // namespace pals
