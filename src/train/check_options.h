// Whether a run's options and the folder that they name go together.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runlog/file_names.h"
#include "settings/train_options.h"
#include "train/run_folder.h"
#include "train/run_length.h"

namespace pals {

inline constexpr const char* kCheckpointsName = "/checkpoints";

/// Options with the run's value and the present one, as many as a message holds: "seed (1, now 2)".
std::string named_values(const std::vector<std::string>& names, const Json& recorded,
                         const Json& current);

/// Whether the folder holds anything that a run of other options or data would spoil.
bool has_progress(const std::string& folder);

/// How the run that `output_dir` holds draws its tasks, which it goes on with unless told
/// otherwise: the default was another one in earlier versions. Nothing if there is no such run.
std::optional<Sampling> recorded_sampling(const TrainOptions& options);

/// UsageError if the folder holds a run of other options, but for the number of steps of a run
/// whose newest checkpoint has that `length` and that becomes longer. Touches nothing.
void check_run_folder(const TrainOptions& options, const std::optional<RunLength>& length);

/// Makes the folder, removes an earlier run where --overwrite_output_dir asks for it, and states
/// the options. Whoever holds the result has it to himself.
std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options);

}  // namespace pals
