// A model folder: what `train` writes and open.h reads (docs/model-folder.md).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
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

/// What a folder says of its model: config.json, tasks.json and the tasks' adapters. Error if they
/// are missing or do not fit each other.
ModelDescription read_model_description(const std::string& path);

/// The adapter of one of its tasks, resolved. `config`: its config.json, where older folders have
/// it.
AdapterConfig read_task_adapter(const std::string& path, const Json& config,
                                const std::string& task, const BertConfig& bert);

/// Whether a configuration is that of a model folder with tasks.
bool has_pals_object(const Json& config);

/// Error unless every task's adapter was trained with the shared weights of this hash.
void check_adapters(const std::string& path, const std::vector<Task>& tasks,
                    const std::string& hash);

}  // namespace pals
