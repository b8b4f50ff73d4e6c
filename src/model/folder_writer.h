// Writes the files of a model folder (docs/model-folder.md) from tensors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkpoint/tensor_file.h"
#include "model/multi_task_model.h"
#include "text/tokenizer.h"

namespace pals {

/// Names of a model folder's files, below its path.
inline constexpr const char* kConfigFile = "/config.json";
inline constexpr const char* kWeightsFile = "/model.safetensors";
inline constexpr const char* kVocabularyFile = "/vocab.txt";
inline constexpr const char* kTokenizerFile = "/tokenizer_config.json";
inline constexpr const char* kAddedTokensFile = "/added_tokens.json";
inline constexpr const char* kTasksFile = "/tasks.json";

/// The folder of a task's own files.
std::string adapter_folder(const std::string& path, const std::string& task);

/// Paths of a task's own files.
struct AdapterFiles {
  std::string config, weights;
};

/// Those that are written: pals_adapter.json, pals_adapter.safetensors.
AdapterFiles adapter_files(const std::string& path, const std::string& task);
/// Those that are read: the same, or the names that older folders have (adapter_config.json,
/// adapter_model.safetensors) if only these are there.
AdapterFiles find_adapter_files(const std::string& path, const std::string& task);

/// "tasks.3.", with which the names of a task's parameters begin.
std::string task_prefix(int task);

/// What a model folder needs beside the weights.
struct ModelDescription {
  BertConfig bert;
  std::vector<AdapterConfig> adapters;  ///< [K], resolved
  std::vector<Task> tasks;              ///< [K]
  int max_seq_length = 128;
};

/// The tensors of a model: one for each row of `table`, in its order, fp32; without bytes where
/// there is none (some encoders have no pooler).
struct ModelTensors {
  const ParameterTable& table;
  std::vector<TensorEntry> rows;
  at::Tensor weights = {};  ///< what the rows point into, if it is theirs
};

/// The weights of an arena on the CPU, which they point into; of one on another device a copy.
ModelTensors tensors_of(const ParameterArena& arena);

/// Identifies the shared weights that an adapter was trained with.
std::string shared_weights_hash(const ModelTensors& tensors);

/// Has `write` make a folder beside `path`, then puts it there in one step, in place of an older
/// one. Leaves nothing if `write` throws or the older one cannot be replaced.
void write_folder_aside(const std::string& path,
                        const std::function<void(const std::string& fresh)>& write);

/// A hard link to the file, or where that cannot be a copy. Throws Error.
void link_or_copy(const std::string& from, const std::string& to);

/// Writes the files of one task below a model folder: its record and its tensors. `shared_weights`:
/// shared_weights_hash of the folder's weights.
void write_task_parts(const std::string& folder, const ModelTensors& tensors,
                      const ModelDescription& description, const Tokenizer& tokenizer, int task,
                      const std::string& shared_weights);

/// Writes a folder as save_model_folder does. A description without tasks gives an encoder's
/// folder, as transformers has them: config.json, model.safetensors and the tokenizer's files.
void write_model_folder(const std::string& path, const ModelTensors& tensors,
                        const ModelDescription& description, const Tokenizer& tokenizer,
                        int only_task = -1, const std::string& share_with = "");

}  // namespace pals
