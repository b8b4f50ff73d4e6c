// One way to open a model or a checkpoint: where its parts lie, what they say, and whether they fit
// each other.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapters/registry.h"
#include "model/model_folder.h"
#include "model/multi_task_model.h"
#include "model/sources.h"
#include "text/tokenizer.h"

namespace pals {

/// What a user names.
struct ModelSource {
  std::string path;  ///< a folder, a file of weights or a checkpoint's prefix; empty: no weights
  std::string bert_config_file, vocab_file;    ///< empty: what lies beside `path`
  std::optional<bool> do_lower_case;           ///< not given: as read_tokenizer_settings decides
  std::optional<bool> special_tokens_in_text;  ///< the same
  std::string flag = "--model";                ///< names `path` in messages
  bool folder_config_first = false;  ///< a folder's own configuration comes before bert_config_file
  bool needs_weights = true;
  /// Where a trained folder is not what it was trained with.
  OnDifference on_difference = OnDifference::kRefuse;
};

/// A model or checkpoint whose configuration was read; its weights were not.
struct OpenedModel {
  ModelSource source;
  CheckpointSources files;
  bool trained = false;  ///< a folder that `pals train` or `pals convert` wrote, with tasks
  /// Of a trained folder all that it says; of others the BERT configuration alone.
  ModelDescription description;
  FolderIdentity identity;  ///< of a trained folder
};

/// Finds and reads configuration and tasks. UsageError for a configuration that is missing or
/// contradicts the folder's, and for the weights of a trained folder named without the folder,
/// Error as find_checkpoint_sources, parse_bert_config and read_model_description.
OpenedModel open_model(const ModelSource& source);

/// The same of a folder that has tasks. Error for anything else.
OpenedModel open_trained_folder(const ModelSource& source);

/// The model's tokenizer. UsageError without a vocabulary, Error as pals::open_tokenizer for files,
/// for a vocabulary with more tokens than the configuration's vocab_size, and for another tokenizer
/// than a trained folder's tasks were trained with, but for what flags decide.
Tokenizer open_tokenizer(const OpenedModel& model);

/// The tokenizer of a folder, with a model or without. Throws Error as open_tokenizer, and if there
/// is neither a vocab.txt nor a tokenizer.json.
Tokenizer open_folder_tokenizer(const std::string& folder);

/// Throws Error unless the weights of a trained folder are those that its adapters were trained
/// with, and returns their hash; of other models nothing is checked, and the hash is empty. `file`:
/// what its weights were read to.
std::string check_shared_weights(const OpenedModel& model, TensorFile& file);
/// The same by the table of the folder's network, where that has been built already.
std::string check_shared_weights(const OpenedModel& model, TensorFile& file,
                                 const MultiTaskModel& layout);

/// The adapter that a configuration asks for, of all tasks, not yet resolved: the "pals" object
/// beside a file or in an older folder, or the reference's keys. Error as adapter_from_flat_json
/// and adapter_from_reference_keys.
AdapterConfig read_adapter_config(const Json& config, const std::string& where);

/// UsageError unless rows of `length` tokens fit the model's positions. `flag` names the length,
/// `where` the model.
void check_length(int64_t length, const BertConfig& bert, const std::string& flag,
                  const std::string& where);

/// A model read back.
struct LoadedModel {
  ModelDescription description;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<MultiTaskModel> model;
  std::string shared_weights;  ///< their hash, which adapters that are added must have
  bool has_pooler = true;      ///< a shared one, with weights
};

/// Reads a model folder that save_model_folder wrote, for prediction. Error if a file is missing,
/// does not fit, or is not what the tasks were trained with (FolderIdentity).
/// `do_lower_case` and `special_tokens_in_text` as in ModelSource.
LoadedModel load_model_folder(const std::string& path, const Precision& precision,
                              at::Device device = at::kCPU,
                              std::optional<bool> do_lower_case = std::nullopt,
                              std::optional<bool> special_tokens_in_text = std::nullopt);

/// Takes a task of a folder with the same shared weights into a loaded model and returns its number
/// (MultiTaskModel::add_task). Error as load_model_folder, if the folder has no such task or the
/// model one of that name, and for a task that was trained with another configuration or tokenizer
/// than the model's; nothing has changed then.
int add_task(LoadedModel& loaded, const std::string& path, const std::string& name);
/// Lets go of a task; its number becomes free.
void remove_task(LoadedModel& loaded, int task);

}  // namespace pals
