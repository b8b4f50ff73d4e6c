// From options to tasks, tokenizer and an initialised model.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/folder_parts.h"
#include "model/model_folder.h"
#include "settings/train_options.h"

namespace pals {

/// What a run works with.
struct RunSetup {
  ModelDescription description;
  std::optional<AdapterConfig> common_adapter;  ///< AdapterChoice::common
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<MultiTaskModel> model;
  std::optional<KeptModel> kept;  ///< of --keep_tasks: whose tasks stay beside the run's
};

/// The tasks chosen by --tasks, --task_id and --task_file, or the one of --kind.
std::vector<Task> choose_tasks(const TrainOptions& options);

/// Finds configuration, vocabulary and weights (a model folder brings all three), builds the model,
/// initialises it by seed and loads the checkpoint. UsageError for contradictory or missing flags.
RunSetup set_up_run(const TrainOptions& options, at::Device device);

/// A line on what is trained, and on what: sizes, adapter, precision, device or threads, ranks.
std::string describe_model(const MultiTaskModel& model, int ranks);

/// The options with what was left open as it was decided: adapter, precision, tasks, threads, case.
TrainOptions resolved_options(TrainOptions options, const RunSetup& setup);

}  // namespace pals
