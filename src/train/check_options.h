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
inline constexpr const char* kIdentityName = "/identity.json";  ///< checkpoints carry the same
inline constexpr const char* kDevPredictionsName = "/dev_predictions";

/// Whether the folder holds anything that a run of other options or data would spoil.
bool has_progress(const std::string& folder);

/// UsageError if the folder holds a run of other options. Touches nothing.
void check_run_folder(const TrainOptions& options);

/// Makes the folder, removes an earlier run where --overwrite_output_dir asks for it, and states
/// the options. Whoever holds the result has it to himself.
std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options);

}  // namespace pals
