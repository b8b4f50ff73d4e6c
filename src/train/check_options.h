// What is wrong with a run's options, or with them and the folder that they name.
#pragma once

#include <memory>

#include "train/options.h"
#include "train/run_folder.h"

namespace pals {

/// What a run folder holds besides checkpoints and models.
inline constexpr const char* kRunConfigName = "/run_config.json";
inline constexpr const char* kResultsName = "/eval_results.json";
inline constexpr const char* kMetricsName = "/metrics.jsonl";
inline constexpr const char* kCheckpointsName = "/checkpoints";

/// UsageError for values out of range or of no meaning.
void check_options(const TrainOptions& options);

/// UsageError if the folder holds a run of other options. Touches nothing.
void check_run_folder(const TrainOptions& options);

/// Makes the folder and states the options in it. Whoever holds the result has it to himself.
std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options);

}  // namespace pals
