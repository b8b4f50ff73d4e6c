// A model folder: what `train` writes and everything else reads (docs/architecture.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/folder_writer.h"
#include "model/multi_task_model.h"
#include "text/tokenizer.h"

namespace pals {

/// A model read back.
struct LoadedModel {
  ModelDescription description;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<MultiTaskModel> model;
};

/// Writes config.json, model.safetensors (shared weights, transformers' names), vocab.txt,
/// tokenizer_config.json, tasks.json and adapters/<task>/. Written aside and put in place of an
/// older folder in one step. `only_task` >= 0 leaves the other tasks out. `share_with`: a model
/// folder just written from the same weights, whose model.safetensors is linked instead of written
/// again.
void save_model_folder(const std::string& path, const MultiTaskModel& model,
                       const ModelDescription& description, const Tokenizer& tokenizer,
                       int only_task = -1, const std::string& share_with = "");

/// Reads a model folder that save_model_folder wrote, for prediction. Error if a file is missing or
/// does not fit, and if an adapter belongs to other shared weights.
LoadedModel load_model_folder(const std::string& path, const Precision& precision,
                              at::Device device = at::kCPU);

/// What a folder says of its model: config.json and tasks.json. Error as above.
ModelDescription read_model_description(const std::string& path);

/// Whether a configuration is that of a model folder with tasks.
bool has_pals_object(const Json& config);

/// Error unless every task's adapter was trained with the shared weights of this hash.
void check_adapters(const std::string& path, const std::vector<Task>& tasks,
                    const std::string& hash);

/// What a tokenizer_config.json says of lower-casing; true if it says nothing or is not there.
bool read_lower_case(const std::string& tokenizer_config);

/// The folder's vocab.txt, lower-casing as above.
Tokenizer load_folder_tokenizer(const std::string& path);

}  // namespace pals
