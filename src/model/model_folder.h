// A model folder: what `train` writes and open.h reads (docs/model-folder.md).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "model/folder_identity.h"
#include "model/folder_writer.h"
#include "model/multi_task_model.h"
#include "text/tokenizer.h"

namespace pals {

/// Writes config.json, model.safetensors (shared weights, transformers' names), vocab.txt,
/// tokenizer_config.json, tasks.json and adapters/<task>/. Written aside and put in place of an
/// older folder in one step. `only_task` >= 0 leaves the other tasks out. `share_with`: a model
/// folder just written from the same weights, whose model.safetensors is linked instead of written
/// again.
void save_model_folder(const std::string& path, const MultiTaskModel& model,
                       const ModelDescription& description, const Tokenizer& tokenizer,
                       int only_task = -1, const std::string& share_with = "");

/// What a folder says of its model, and what its tasks were trained with.
struct SavedDescription {
  ModelDescription model;
  FolderIdentity identity;
};

/// Reads config.json, tasks.json and the tasks' adapters. Error if they are missing, do not fit
/// each other, or (unless differences are accepted) are not what the tasks were trained with.
SavedDescription read_model_description(const std::string& path,
                                        OnDifference on_difference = OnDifference::kRefuse);

/// Whether a configuration is that of a model folder with tasks.
bool has_pals_object(const Json& config);

}  // namespace pals
