#include "model/folder_writer.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/output_path.h"
#include "catalog/task_json.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/tensor_hash.h"
#include "model/folder_identity.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string>& safetensors_metadata() {
  static const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  return metadata;
}

// The owner's tensors, named without `prefix`.
std::vector<TensorEntry> entries_of(const ModelTensors& tensors, int owner,
                                    const std::string& prefix) {
  std::vector<TensorEntry> entries;
  for (size_t i = 0; i < tensors.rows.size(); ++i) {
    if (tensors.table.rows()[i].owner != owner || tensors.rows[i].bytes.empty()) continue;
    entries.push_back(tensors.rows[i]);
    entries.back().name.erase(0, prefix.size());
  }
  return entries;
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
    const std::string old = temporary_name(path);
    fs::rename(path, old, error);
    if (error) fail(path, ": cannot be replaced: ", error.message());
    fs::rename(fresh, path, error);
    if (error) {
      std::error_code ignored;
      fs::rename(old, path, ignored);
      fail(path, ": cannot be replaced: ", error.message());
    }
    fs::remove_all(old, error);
    return;
  }
  fs::remove_all(fresh, error);  // holds the older folder now
}

void write_json(const std::string& path, const Json& json) {
  write_file_atomically(path, json_text(json));
}

void write_shared_files(const std::string& folder, const ModelTensors& tensors,
                        const ModelDescription& description, const Tokenizer& tokenizer,
                        const std::string& share_with) {
  Json config = bert_config_to_json(description.bert);
  if (!description.tasks.empty()) {
    config["pals"] = Json{{"max_seq_length", description.max_seq_length}};
  }
  write_json(folder + kConfigFile, config);
  if (share_with.empty()) {
    write_safetensors(folder + kWeightsFile, entries_of(tensors, kSharedOwner, ""),
                      safetensors_metadata());
  } else {
    link_or_copy(share_with + kWeightsFile, folder + kWeightsFile);
  }
  write_file_atomically(folder + kVocabularyFile, tokenizer.vocabulary().to_text());
  Json settings = tokenizer_config_keys(tokenizer.settings());
  settings["tokenizer_class"] = "BertTokenizer";
  settings["model_max_length"] = description.max_seq_length;
  write_json(folder + kTokenizerFile, settings);
  const Json added = added_tokens_json(tokenizer.settings(), tokenizer.vocabulary());
  if (!added.empty()) write_json(folder + kAddedTokensFile, added);
}

void write_task_files(const std::string& folder, const ModelTensors& tensors,
                      const ModelDescription& description, const Tokenizer& tokenizer,
                      int only_task) {
  const std::string hash = shared_weights_hash(tensors);
  Json tasks = Json::array();
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    const int task = static_cast<int>(i);
    if (only_task >= 0 && task != only_task) continue;
    tasks.push_back(task_to_json(description.tasks[i]));
    write_task_parts(folder, tensors, description, tokenizer, task, hash);
  }
  write_json(folder + kTasksFile, Json{{"tasks", tasks}});
}

}  // namespace

std::string adapter_folder(const std::string& path, const std::string& task) {
  return path + "/adapters/" + task;
}

AdapterFiles adapter_files(const std::string& path, const std::string& task) {
  const std::string folder = adapter_folder(path, task);
  return {folder + "/pals_adapter.json", folder + "/pals_adapter.safetensors"};
}

AdapterFiles find_adapter_files(const std::string& path, const std::string& task) {
  AdapterFiles files = adapter_files(path, task);
  const std::string folder = adapter_folder(path, task);
  const AdapterFiles older{folder + "/adapter_config.json", folder + "/adapter_model.safetensors"};
  const bool is_older = !file_exists(files.config) && file_exists(older.config) &&
                        !file_exists(files.weights) && file_exists(older.weights);
  return is_older ? older : files;
}

std::string task_prefix(int task) { return concat("tasks.", task, "."); }

ModelTensors tensors_of(const ParameterArena& arena) {
  ModelTensors tensors{arena.table(), {}, arena.weights().cpu()};
  const float* weights = tensors.weights.const_data_ptr<float>();
  for (const Parameter& row : arena.table().rows()) {
    tensors.rows.push_back(
        make_tensor_entry(row.name, DType::kF32, row.shape, weights + row.offset));
  }
  return tensors;
}

// The rows as they lie in an arena, with zeros between them.
std::string shared_weights_hash(const ModelTensors& tensors) {
  Hasher128 hasher;
  const ArenaRange range = tensors.table.range(kSharedOwner);
  int64_t position = range.begin;
  const auto fill_up_to = [&](int64_t end) {
    const std::vector<float> zeros(static_cast<size_t>(end - position));
    hasher.update(zeros.data(), zeros.size() * sizeof(float));
    position = end;
  };
  for (size_t i = 0; i < tensors.rows.size(); ++i) {
    const Parameter& row = tensors.table.rows()[i];
    if (row.owner != kSharedOwner || tensors.rows[i].bytes.empty()) continue;
    fill_up_to(row.offset);
    hasher.update(tensors.rows[i].bytes.data(), tensors.rows[i].bytes.size());
    position += row.numel;
  }
  fill_up_to(range.end);
  return hasher.hex();
}

void link_or_copy(const std::string& from, const std::string& to) {
  std::error_code error;
  const fs::path file = fs::canonical(from, error);  // not a link to it
  if (!error) fs::create_hard_link(file, to, error);
  if (error) fs::copy_file(from, to, error);
  if (error) fail(to, ": cannot copy ", from, ": ", error.message());
}

void write_task_parts(const std::string& folder, const ModelTensors& tensors,
                      const ModelDescription& description, const Tokenizer& tokenizer, int task,
                      const std::string& shared_weights) {
  const auto place = static_cast<size_t>(task);
  const std::string& name = description.tasks[place].name;
  make_directories(adapter_folder(folder, name));
  const AdapterFiles files = adapter_files(folder, name);
  const std::vector<TensorEntry> entries = entries_of(tensors, task, task_prefix(task));
  write_json(files.config,
             adapter_record(description, place, tokenizer, shared_weights, tensors_hash(entries)));
  write_safetensors(files.weights, entries, safetensors_metadata());
}

void write_folder_aside(const std::string& path,
                        const std::function<void(const std::string& fresh)>& write) {
  const std::string fresh = temporary_name(path);
  std::error_code ignored;
  make_directories(fresh);
  try {
    write(fresh);
    put_in_place(fresh, path);
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
}

void write_model_folder(const std::string& path, const ModelTensors& tensors,
                        const ModelDescription& description, const Tokenizer& tokenizer,
                        int only_task, const std::string& share_with) {
  write_folder_aside(path, [&](const std::string& fresh) {
    write_shared_files(fresh, tensors, description, tokenizer, share_with);
    if (!description.tasks.empty()) {
      write_task_files(fresh, tensors, description, tokenizer, only_task);
    }
  });
}

}  // namespace pals
