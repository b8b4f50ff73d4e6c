#include "model/model_folder.h"

#include <algorithm>
#include <utility>

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
  for (const Json& object : json["tasks"]) {
    Task task = task_from_json(object, path);
    if (std::ranges::find(tasks, task.name, &Task::name) != tasks.end()) {
      fail(path, ": two tasks are named ", quote(task.name));
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

// The adapter of one task, resolved: what its record says or, in older folders, config.json.
AdapterConfig read_task_adapter(const std::string& path, const Json& pals, const Json& record,
                                const std::string& task, const BertConfig& bert) {
  const std::string config = path + kConfigFile, own = find_adapter_files(path, task).config;
  const auto adapter = record.find("adapter");
  const bool is_own = adapter != record.end() && adapter->is_object();
  if (!pals.contains("adapter")) {
    if (!is_own) fail(own, ": no \"adapter\" object: not a file that `pals train` wrote");
    return resolve_adapter(adapter_from_json(*adapter, own), bert, own);
  }
  if (is_own) fail(config, ": \"pals\" has an \"adapter\", but so has ", own);
  return resolve_adapter(adapter_from_flat_json(pals, config), bert, config);
}

std::vector<Json> read_records(const std::string& path, const std::vector<Task>& tasks) {
  std::vector<Json> records;
  for (const Task& task : tasks) {
    const std::string where = find_adapter_files(path, task.name).config;
    records.push_back(read_json(where));
    if (!records.back().is_object()) fail(where, ": expected a JSON object");
  }
  return records;
}

}  // namespace

void save_model_folder(const std::string& path, const MultiTaskModel& model,
                       const ModelDescription& description, const Tokenizer& tokenizer,
                       int only_task, const std::string& share_with) {
  write_model_folder(path, tensors_of(model.arena()), description, tokenizer, only_task,
                     share_with);
}

SavedDescription read_model_description(const std::string& path, OnDifference on_difference) {
  if (!directory_exists(path)) fail(path, ": no such model folder");
  const std::string config_path = path + kConfigFile;
  const Json config = read_json(config_path);
  if (!has_pals_object(config)) {
    fail(config_path, ": no \"pals\" object: not a folder that `pals train` wrote");
  }
  const Json& pals = config["pals"];
  SavedDescription saved;
  ModelDescription& model = saved.model;
  model.bert = parse_bert_config(config, config_path, {"pals"});
  model.max_seq_length = read_max_seq_length(pals, model.bert, config_path);
  model.tasks = read_tasks(path + kTasksFile);
  const std::vector<Json> records = read_records(path, model.tasks);
  saved.identity = FolderIdentity(path, model.tasks, records, on_difference);
  for (size_t i = 0; i < records.size(); ++i) {
    model.adapters.push_back(
        read_task_adapter(path, pals, records[i], model.tasks[i].name, model.bert));
  }
  saved.identity.check_description(model);
  return saved;
}

bool has_pals_object(const Json& config) {
  return config.is_object() && config.contains("pals") && config["pals"].is_object();
}

}  // namespace pals
