#include "model/open.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "checkpoint/safetensors.h"
#include "model/tokenizer_files.h"
#include "model/weights.h"

namespace pals {
namespace {

[[noreturn]] void fail_missing_config(const ModelSource& source) {
  if (source.path.empty() && source.vocab_file.empty()) {
    fail_usage(
        source.flag, " is missing: give the folder of a pretrained model (",
        "`scripts/setup.sh --weights` fetches one; --model_name_or_path means the same), or ",
        "--bert_config_file and --vocab_file for random weights");
  }
  if (source.path.empty()) {
    fail_usage("--bert_config_file is missing: give it, or an ", source.flag,
               " with a config.json or bert_config.json beside it");
  }
  fail_usage("--bert_config_file is missing: there is no config.json or bert_config.json beside ",
             source.path);
}

[[noreturn]] void fail_missing_vocabulary(const OpenedModel& model) {
  const ModelSource& source = model.source;
  if (model.trained) fail(source.path, ": no vocab.txt in this folder");
  if (source.path.empty()) {
    fail_usage("--vocab_file is missing: give it, or an ", source.flag,
               " with a vocab.txt or tokenizer.json beside it");
  }
  fail_usage("--vocab_file is missing: there is no vocab.txt or tokenizer.json beside ",
             source.path);
}

// By its weights alone a trained folder could not be compared with what its tasks were trained
// with.
void check_not_part_of_folder(const ModelSource& source, const CheckpointSources& files) {
  if (!files.folder.empty() || !("/" + files.weights).ends_with(kWeightsFile)) return;
  const std::filesystem::path parent = std::filesystem::path(files.weights).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (!file_exists(folder + kTasksFile)) return;
  fail_usage(source.flag, ": ", source.path, " is a part of a trained model; give its folder ",
             folder);
}

}  // namespace

OpenedModel open_model(const ModelSource& source) {
  OpenedModel model;
  model.source = source;
  model.files = find_checkpoint_sources(source.path, source.bert_config_file, source.vocab_file,
                                        source.flag, source.needs_weights);
  CheckpointSources& files = model.files;
  check_not_part_of_folder(source, files);
  if (files.config.empty()) fail_missing_config(source);
  model.trained = !files.folder.empty() && has_pals_object(read_json(files.config));
  const bool replaced = !source.bert_config_file.empty() && !source.folder_config_first;
  if (model.trained) {
    if (replaced) {
      fail_usage("--bert_config_file: the configuration is that of the model folder ", source.path);
    }
    SavedDescription saved = read_model_description(source.path, source.on_difference);
    model.description = std::move(saved.model);
    model.identity = std::move(saved.identity);
    return model;
  }
  if (replaced) files.config = source.bert_config_file;
  model.description.bert =
      parse_bert_config(read_json(files.config), files.config, reference_adapter_keys());
  return model;
}

OpenedModel open_trained_folder(const ModelSource& source) {
  if (!directory_exists(source.path)) fail(source.path, ": no such model folder");
  OpenedModel opened = open_model(source);
  if (!opened.trained) {
    fail(opened.files.config, ": no \"pals\" object: not a folder that `pals train` wrote");
  }
  return opened;
}

Tokenizer open_tokenizer(const OpenedModel& model) {
  const CheckpointSources& files = model.files;
  if (!files.tokenizer.has_vocabulary()) fail_missing_vocabulary(model);
  Tokenizer tokenizer = open_tokenizer(files.tokenizer, model.source.do_lower_case,
                                       model.source.special_tokens_in_text);
  const int64_t tokens = tokenizer.vocabulary().size(), known = model.description.bert.vocab_size;
  if (tokens > known) {
    fail(files.tokenizer.vocabulary_path(), ": ", counted(tokens, "token"), ", but ",
         files.config.empty() ? "the model" : files.config, " has a vocab_size of ", known);
  }
  std::vector<std::string> given;
  if (model.source.do_lower_case) given.emplace_back("do_lower_case");
  if (model.source.special_tokens_in_text) given.emplace_back("special_tokens_in_text");
  model.identity.check_tokenizer(tokenizer, given);
  return tokenizer;
}

Tokenizer open_folder_tokenizer(const std::string& folder) {
  if (!directory_exists(folder)) fail(folder, ": no such folder");
  const TokenizerFiles files = find_tokenizer_files(folder);
  if (!files.has_vocabulary()) fail(folder, ": no vocab.txt or tokenizer.json in this folder");
  const std::string config = folder + kConfigFile;
  if (!file_exists(config) || !has_pals_object(read_json(config))) return open_tokenizer(files);
  return open_tokenizer(open_model({.path = folder, .needs_weights = false}));
}

std::string check_shared_weights(const OpenedModel& model, TensorFile& file) {
  if (!model.trained) return "";
  const ModelDescription& saved = model.description;
  // For its table: the memory of its weights is never touched.
  const MultiTaskModel layout(saved.bert, saved.adapters, head_specs(saved.tasks), at::kFloat);
  return check_shared_weights(model, file, layout);
}

std::string check_shared_weights(const OpenedModel& model, TensorFile& file,
                                 const MultiTaskModel& layout) {
  const ParameterTable& table = layout.arena().table();
  const WeightPlan plan = plan_weights(layout, file, LoadScope::kShared, model.files.weights);
  std::string hash = shared_weights_hash({table, filled_rows(table, plan, file), {}});
  model.identity.check_shared_weights(hash);
  return hash;
}

AdapterConfig read_adapter_config(const Json& config, const std::string& where) {
  if (!has_pals_object(config)) return adapter_from_reference_keys(config, where);
  const Json& own = config["pals"];
  return own.contains("adapter") ? adapter_from_flat_json(own, where) : AdapterConfig();
}

void check_length(int64_t length, const BertConfig& bert, const std::string& flag,
                  const std::string& where) {
  if (length <= bert.max_position_embeddings) return;
  fail_usage(flag, " ", length, " is more than the ", bert.max_position_embeddings,
             " positions of ", where);
}

LoadedModel load_model_folder(const std::string& path, const Precision& precision,
                              at::Device device, std::optional<bool> do_lower_case,
                              std::optional<bool> special_tokens_in_text) {
  const OpenedModel opened =
      open_trained_folder({.path = path,
                           .do_lower_case = do_lower_case,
                           .special_tokens_in_text = special_tokens_in_text});
  LoadedModel loaded;
  loaded.description = opened.description;
  const ModelDescription& description = loaded.description;
  loaded.tokenizer = std::make_unique<Tokenizer>(open_tokenizer(opened));
  loaded.model = std::make_unique<MultiTaskModel>(description.bert, description.adapters,
                                                  head_specs(description.tasks), precision,
                                                  Frozen::kNothing, device);

  const std::string weights_path = path + kWeightsFile;
  TensorFile weights = read_safetensors(weights_path);
  loaded.shared_weights = check_shared_weights(opened, weights, *loaded.model);
  const LoadReport report = load_weights(*loaded.model, weights, LoadScope::kShared, weights_path);
  loaded.has_pooler = loaded.model->arena().table().find(kPoolerWeight) >= 0 &&
                      std::ranges::count(report.missing, kPoolerWeight) == 0;
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    const std::string file = find_adapter_files(path, description.tasks[i].name).weights;
    const TensorFile own = read_safetensors(file);
    opened.identity.check_task_weights(i, own);
    load_task_weights(*loaded.model, static_cast<int>(i), own, file);
  }
  loaded.model->arena().refresh_shadow();
  loaded.model->pack_weights();
  return loaded;
}

int add_task(LoadedModel& loaded, const std::string& path, const std::string& name) {
  const auto place_of = [&](const std::vector<Task>& tasks) {
    return static_cast<size_t>(std::ranges::find(tasks, name, &Task::name) - tasks.begin());
  };
  ModelDescription& description = loaded.description;
  if (place_of(description.tasks) < description.tasks.size()) {
    fail(path, ": the model has a task ", quote(name), " already");
  }
  const auto [other, identity] = read_model_description(path);
  const size_t from = place_of(other.tasks);
  if (from == other.tasks.size()) fail(path, kTasksFile, ": there is no task ", quote(name));
  MultiTaskModel& model = *loaded.model;
  ModelDescription here = description;
  here.tasks = {other.tasks[from]};
  identity.check_other_model(from, task_origin(here, 0, *loaded.tokenizer));
  identity.check_shared_weights(from, loaded.shared_weights);
  const std::string file = find_adapter_files(path, name).weights;
  const TensorFile weights = read_safetensors(file);
  identity.check_task_weights(from, weights);
  const int task = model.add_task(other.adapters[from], head_specs({other.tasks[from]}).front());
  try {
    load_task_weights(model, task, weights, file);
  } catch (...) {
    model.remove_task(task);
    throw;
  }
  model.task_arena(task).refresh_shadow();
  model.pack_task(task);
  const auto place = static_cast<size_t>(task);
  description.tasks.resize(std::max(description.tasks.size(), place + 1));
  description.adapters.resize(description.tasks.size());
  description.tasks[place] = other.tasks[from];
  description.adapters[place] = other.adapters[from];
  return task;
}

void remove_task(LoadedModel& loaded, int task) {
  loaded.model->remove_task(task);
  loaded.description.tasks[static_cast<size_t>(task)] = {};
  loaded.description.adapters[static_cast<size_t>(task)] = {};
}

}  // namespace pals
