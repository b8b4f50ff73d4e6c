// A model folder: what `train` writes and everything else reads (docs/architecture.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/multi_task_model.h"
#include "text/tokenizer.h"

namespace pals {

/// What a model folder needs beside the weights.
struct ModelDescription {
  BertConfig bert;
  AdapterConfig adapter;
  std::vector<Task> tasks;
  int max_seq_length = 128;
};

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

/// Reads a model folder that save_model_folder wrote. Error if a file is missing or does not fit,
/// and if an adapter belongs to other shared weights.
LoadedModel load_model_folder(const std::string& path, at::ScalarType compute_type);

/// What a folder's tokenizer_config.json says of lower-casing; true if it says nothing.
bool folder_lower_case(const std::string& path);

/// The folder's vocab.txt, lower-casing as above.
Tokenizer load_folder_tokenizer(const std::string& path);

}  // namespace pals
