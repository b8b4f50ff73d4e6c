#include "model/model_folder.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text_util.h"
#include "checkpoint/safetensors.h"
#include "data/features.h"
#include "model/weights.h"
#include "tasks/task_json.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "/config.json";
constexpr const char* kWeightsFile = "/model.safetensors";
constexpr const char* kVocabularyFile = "/vocab.txt";
constexpr const char* kTokenizerFile = "/tokenizer_config.json";
constexpr const char* kTasksFile = "/tasks.json";

std::string adapter_folder(const std::string& path, const std::string& task) {
  return path + "/adapters/" + task;
}

std::string task_prefix(int task) { return concat("tasks.", task, "."); }

// The owner's parameters, named without `prefix`.
std::vector<TensorEntry> entries_of(const ParameterArena& arena, int owner,
                                    const std::string& prefix) {
  const float* weights = arena.weights().data_ptr<float>();
  std::vector<TensorEntry> entries;
  for (const Parameter& row : arena.table().rows()) {
    if (row.owner != owner) continue;
    entries.push_back(make_tensor_entry(row.name.substr(prefix.size()), DType::kF32, row.shape,
                                        weights + row.offset));
  }
  return entries;
}

// Identifies the shared weights that an adapter was trained with.
std::string shared_hash(const ParameterArena& arena) {
  const ArenaRange range = arena.table().range(kSharedOwner);
  const auto* first =
      reinterpret_cast<const char*>(arena.weights().data_ptr<float>() + range.begin);
  return content_hash_hex(
      std::string_view(first, static_cast<size_t>(range.end - range.begin) * sizeof(float)));
}

void link_or_copy(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, error);
  if (error) fail(to, ": cannot copy ", from, ": ", error.message());
}

// Puts `fresh` in the place of `path`, in one step where the system can exchange two folders.
void put_in_place(const std::string& fresh, const std::string& path) {
  std::error_code error;
  if (!fs::exists(path)) {
    fs::rename(fresh, path, error);
    if (error) fail(path, ": cannot rename ", fresh, ": ", error.message());
    return;
  }
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  if (syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), kExchange) != 0) {
    const std::string old = path + ".old";
    fs::remove_all(old, error);
    fs::rename(path, old, error);
    if (!error) fs::rename(fresh, path, error);
    if (error) fail(path, ": cannot be replaced: ", error.message());
    fs::remove_all(old, error);
    return;
  }
  fs::remove_all(fresh, error);  // holds the older folder now
}

void write_json(const std::string& path, const Json& json) {
  write_file_atomically(path, json_text(json));
}

}  // namespace

void save_model_folder(const std::string& path, const MultiTaskModel& model,
                       const ModelDescription& description, const Tokenizer& tokenizer,
                       int only_task, const std::string& share_with) {
  const std::string fresh = path + ".writing";
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  make_directories(fresh);
  try {
    Json config = bert_config_to_json(description.bert);
    config["pals"] = adapter_to_json(description.adapter);
    config["pals"]["max_seq_length"] = description.max_seq_length;
    write_json(fresh + kConfigFile, config);
    if (share_with.empty()) {
      write_safetensors(fresh + kWeightsFile, entries_of(model.arena(), kSharedOwner, ""),
                        {{"format", "pt"}});
    } else {
      link_or_copy(share_with + kWeightsFile, fresh + kWeightsFile);
    }
    write_file_atomically(fresh + kVocabularyFile, tokenizer.vocabulary().to_text());
    write_json(fresh + kTokenizerFile, Json{{"tokenizer_class", "BertTokenizer"},
                                            {"do_lower_case", tokenizer.do_lower_case()},
                                            {"model_max_length", description.max_seq_length}});
    const std::string hash = shared_hash(model.arena());
    Json tasks = Json::array();
    for (size_t i = 0; i < description.tasks.size(); ++i) {
      const int task = static_cast<int>(i);
      if (only_task >= 0 && task != only_task) continue;
      tasks.push_back(task_to_json(description.tasks[i]));
      const std::string folder = adapter_folder(fresh, description.tasks[i].name);
      make_directories(folder);
      Json adapter = adapter_to_json(description.adapter);
      adapter["task"] = description.tasks[i].name;
      adapter["shared_weights"] = hash;
      write_json(folder + "/adapter_config.json", adapter);
      write_safetensors(folder + "/adapter_model.safetensors",
                        entries_of(model.arena(), task, task_prefix(task)), {{"format", "pt"}});
    }
    write_json(fresh + kTasksFile, Json{{"tasks", tasks}});
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
  put_in_place(fresh, path);
}

bool folder_lower_case(const std::string& path) {
  const std::string config_path = path + kTokenizerFile;
  if (!file_exists(config_path)) return true;
  const Json json = read_json(config_path);
  const auto it = json.is_object() ? json.find("do_lower_case") : json.end();
  if (it == json.end()) return true;
  if (!it->is_boolean()) fail(config_path, ": \"do_lower_case\" is not true or false");
  return it->get<bool>();
}

Tokenizer load_folder_tokenizer(const std::string& path) {
  return Tokenizer(Vocabulary::load(path + kVocabularyFile), folder_lower_case(path));
}

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

LoadedModel load_model_folder(const std::string& path, at::ScalarType compute_type) {
  if (!directory_exists(path)) fail(path, ": no such model folder");
  const std::string config_path = path + kConfigFile;
  const Json config = read_json(config_path);
  if (!config.is_object() || !config.contains("pals")) {
    fail(config_path, ": no \"pals\" object: not a folder that `pals train` wrote");
  }
  LoadedModel loaded;
  ModelDescription& description = loaded.description;
  description.bert = parse_bert_config(config, config_path, {"pals"});
  description.adapter = resolve_adapter(adapter_from_json(config["pals"], config_path),
                                        description.bert, config_path);
  description.max_seq_length = read_max_seq_length(config["pals"], description.bert, config_path);
  description.tasks = read_tasks(path + kTasksFile);
  loaded.tokenizer = std::make_unique<Tokenizer>(load_folder_tokenizer(path));
  if (loaded.tokenizer->vocabulary().size() > description.bert.vocab_size) {
    fail(path, kVocabularyFile, ": ", loaded.tokenizer->vocabulary().size(), " tokens, but ",
         config_path, " has a vocab_size of ", description.bert.vocab_size);
  }
  loaded.model = std::make_unique<MultiTaskModel>(description.bert, description.adapter,
                                                  head_specs(description.tasks), compute_type);

  const std::string weights_path = path + kWeightsFile;
  load_weights(*loaded.model, read_safetensors(weights_path), LoadScope::kShared, weights_path);
  const std::string hash = shared_hash(loaded.model->arena());
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    const std::string folder = adapter_folder(path, description.tasks[i].name);
    const std::string found = read_shared_hash(folder + "/adapter_config.json");
    if (found != hash) {
      fail(folder, ": this adapter was trained with other shared weights than ", weights_path,
           " (found ", found.empty() ? "none" : quote(found), ", expected ", hash, ")");
    }
    load_task_weights(*loaded.model, static_cast<int>(i),
                      read_safetensors(folder + "/adapter_model.safetensors"),
                      folder + "/adapter_model.safetensors");
  }
  loaded.model->arena().refresh_shadow();
  return loaded;
}

}  // namespace pals
