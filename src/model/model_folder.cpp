#include "model/model_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "features/features.h"

namespace pals {
namespace {

int read_max_seq_length(const Json& pals, const BertConfig& bert, const std::string& where) {
  const auto it = pals.find("max_seq_length");
  if (it == pals.end()) return ModelDescription().max_seq_length;
  const bool fits = it->is_number_integer() && it->get<int64_t>() >= kMinSeqLength &&
                    it->get<int64_t>() <= bert.max_position_embeddings;
  if (!fits) {
    fail(where, ": \"max_seq_length\" is ", it->dump(), ", expected a number from ", kMinSeqLength,
         " to the ", bert.max_position_embeddings, " of max_position_embeddings");
  }
  return it->get<int>();
}

std::vector<Task> read_tasks(const std::string& path) {
  const Json json = read_json(path);
  if (!json.is_object() || !json.contains("tasks") || !json["tasks"].is_array() ||
      json["tasks"].empty()) {
    fail(path, ": expected {\"tasks\": [...]} with at least one task");
  }
  std::vector<Task> tasks;
  for (const Json& task : json["tasks"]) tasks.push_back(task_from_json(task, path));
  return tasks;
}

// The hash that an adapter's configuration names; empty if it names none.
std::string read_shared_hash(const std::string& path) {
  const Json json = read_json(path);
  const auto it = json.is_object() ? json.find("shared_weights") : json.end();
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace

void save_model_folder(const std::string& path, const MultiTaskModel& model,
                       const ModelDescription& description, const Tokenizer& tokenizer,
                       int only_task, const std::string& share_with) {
  write_model_folder(path, tensors_of(model.arena()), description, tokenizer, only_task,
                     share_with);
}

ModelDescription read_model_description(const std::string& path) {
  if (!directory_exists(path)) fail(path, ": no such model folder");
  const std::string config_path = path + kConfigFile;
  const Json config = read_json(config_path);
  if (!has_pals_object(config)) {
    fail(config_path, ": no \"pals\" object: not a folder that `pals train` wrote");
  }
  ModelDescription description;
  description.bert = parse_bert_config(config, config_path, {"pals"});
  description.max_seq_length = read_max_seq_length(config["pals"], description.bert, config_path);
  description.tasks = read_tasks(path + kTasksFile);
  for (const Task& task : description.tasks) {
    description.adapters.push_back(read_task_adapter(path, config, task.name, description.bert));
  }
  return description;
}

AdapterConfig read_task_adapter(const std::string& path, const Json& config,
                                const std::string& task, const BertConfig& bert) {
  const Json& pals = config["pals"];
  if (pals.contains("adapter")) {
    const std::string where = path + kConfigFile;
    return resolve_adapter(adapter_from_flat_json(pals, where), bert, where);
  }
  const std::string where = find_adapter_files(path, task).config;
  const Json json = read_json(where);
  if (!json.is_object() || !json.contains("adapter")) {
    fail(where, ": no \"adapter\" object: not a file that `pals train` wrote");
  }
  return resolve_adapter(adapter_from_json(json["adapter"], where), bert, where);
}

bool has_pals_object(const Json& config) {
  return config.is_object() && config.contains("pals") && config["pals"].is_object();
}

void check_adapters(const std::string& path, const std::vector<Task>& tasks,
                    const std::string& hash) {
  for (const Task& task : tasks) {
    const std::string found = read_shared_hash(find_adapter_files(path, task.name).config);
    if (found == hash) continue;
    fail(adapter_folder(path, task.name),
         ": this adapter was trained with other shared weights than ", path, kWeightsFile,
         " (found ", found.empty() ? "none" : quote(found), ", expected ", hash, ")");
  }
}

}  // namespace pals
