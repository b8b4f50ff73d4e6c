#include "model/folder_identity.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_differences.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/data_file_json.h"
#include "catalog/task_json.h"
#include "checkpoint/tensor_hash.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

// Keys of a record that earlier versions did not have.
constexpr const char* kChecksum = "checksum";
constexpr const char* kWeights = "weights";
constexpr const char* kOrigin = "trained_with";

std::string checksum_of(Json record) {
  record.erase(kChecksum);
  return content_hash_hex(json_text(record, -1));
}

std::string text_of(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : "";
}

Json object_in(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_object() ? *found : Json::object();
}

bool is_older(const Json& record) {
  return !record.contains(kChecksum) && !record.contains(kWeights) && !record.contains(kOrigin);
}

void check_record(const Json& record, const std::string& task, const std::string& where) {
  if (!is_older(record) && text_of(record, kChecksum) != checksum_of(record)) {
    fail(where, ": it is damaged: its checksum is not that of its content");
  }
  const std::string name = text_of(record, "task");
  if (name != task && !(name.empty() && is_older(record))) {
    fail(where, ": these are the files of task ", quote(name), ", expected those of ", quote(task));
  }
}

// A task as a record has it, in the words of this version: keys that it does not know yet have
// their defaults.
Json in_todays_words(const Json& origin, const std::string& where) {
  Json today = origin;
  const auto bert = origin.find("bert"), task = origin.find("task");
  if (bert != origin.end())
    today["bert"] = bert_config_to_json(parse_bert_config(*bert, where, {}));
  if (task == origin.end()) return today;
  Json described = *task;
  for (auto& [key, value] : described.items()) {
    if (is_split(key) && value.is_object())
      value["path"] = "-";  // a file, of which a record has no place
  }
  today["task"] = task_identity(task_from_json(described, where));
  return today;
}

// How keys of an origin are called in messages; a task's have its name.
std::vector<std::string> origin_differences(const Json& then, const Json& now) {
  std::vector<std::string> differences;
  for (const auto& [key, value] : then.items()) {
    if (!now.contains(key)) continue;  // not compared here
    const std::string name = key == "bert"         ? "BERT configuration"
                             : key == "tokenizer"  ? "tokenizer settings"
                             : key == "vocabulary" ? "content of the vocabulary"
                             : key == "task"       ? concat("task ", text_of(value, "name"))
                                                   : key;
    for (std::string& text : json_differences(name, value, now[key])) {
      differences.push_back(std::move(text));
    }
  }
  return differences;
}

void keep_common_files(Json& then, Json& now) {
  const auto drop = [](Json& task, const Json& other) {
    std::vector<std::string> alone;
    for (const auto& [key, value] : task.items()) {
      if (value.is_object() && !other.contains(key)) alone.push_back(key);
    }
    for (const std::string& key : alone) task.erase(key);
  };
  drop(then, now);
  drop(now, then);
}

Json origin_of(const ModelDescription& description, size_t task) {
  return {{"bert", bert_config_to_json(description.bert)},
          {"max_seq_length", description.max_seq_length},
          {"task", task_identity(description.tasks[task])}};
}

Json origin_of(const Tokenizer& tokenizer) {
  return {{"vocabulary", tokenizer.vocabulary().content_hash()},
          {"tokenizer", tokenizer_config_keys(tokenizer.settings())}};
}

}  // namespace

Json task_origin(const ModelDescription& description, size_t task, const Tokenizer& tokenizer) {
  Json origin = origin_of(description, task);
  origin.update(origin_of(tokenizer));
  return origin;
}

Json adapter_record(const ModelDescription& description, size_t task, const Tokenizer& tokenizer,
                    const std::string& shared_weights, const std::string& weights) {
  Json record = {{"task", description.tasks[task].name},
                 {"adapter", adapter_to_json(description.adapters[task])},
                 {"shared_weights", shared_weights},
                 {kWeights, weights},
                 {kOrigin, task_origin(description, task, tokenizer)}};
  record[kChecksum] = checksum_of(record);
  return record;
}

FolderIdentity::FolderIdentity(std::string path, const std::vector<Task>& tasks,
                               std::vector<Json> records, OnDifference on_difference)
    : path_(std::move(path)), records_(std::move(records)), on_difference_(on_difference) {
  for (size_t i = 0; i < records_.size(); ++i) {
    names_.push_back(tasks[i].name);
    const std::string where = find_adapter_files(path_, names_[i]).config;
    try {
      check_record(records_[i], names_[i], where);
      if (!is_older(records_[i])) {
        records_[i][kOrigin] = in_todays_words(object_in(records_[i], kOrigin), where);
      }
    } catch (const Error& error) {
      report(error.what());
    }
  }
  if (!complete()) {
    log_warning(path_, ": by an earlier version, which kept no hashes: whether tasks, ",
                "configuration, vocabulary and adapters are those of training cannot be checked; ",
                "`pals convert` makes a folder that has them");
  }
}

bool FolderIdentity::complete() const { return std::ranges::none_of(records_, is_older); }

void FolderIdentity::report(const std::string& what) const {
  if (on_difference_ == OnDifference::kRefuse) {
    fail(what, "; put it back, or take it as it is with pals convert --accept_changes");
  }
  log_warning(what, ": accepted");
}

// A task's files that are described both then and now are compared: others are a user's business.
std::vector<std::string> FolderIdentity::differences(size_t task, const Json& origin) const {
  Json then = object_in(records_[task], kOrigin), now = origin;
  if (then.contains("task") && now.contains("task")) {
    keep_common_files(then["task"], now["task"]);
  }
  return is_older(records_[task]) ? std::vector<std::string>() : origin_differences(then, now);
}

void FolderIdentity::report_differences(const std::vector<std::string>& differences) const {
  std::vector<std::string> distinct;  // tasks share what is not theirs alone
  for (const std::string& text : differences) {
    if (std::ranges::find(distinct, text) == distinct.end()) distinct.push_back(text);
  }
  if (distinct.empty()) return;
  report(concat(path_, " is not what it was trained with: ", some_differences(distinct)));
}

void FolderIdentity::check_other_model(size_t task, const Json& origin) const {
  const std::vector<std::string> found = differences(task, origin);
  if (found.empty()) return;
  fail(path_, ": task ", names_[task],
       " was trained with other settings than the model's: ", some_differences(found));
}

void FolderIdentity::check_description(const ModelDescription& description) const {
  std::vector<std::string> found;
  for (size_t i = 0; i < records_.size(); ++i) {
    for (std::string& text : differences(i, origin_of(description, i))) {
      found.push_back(std::move(text));
    }
  }
  report_differences(found);
}

void FolderIdentity::check_tokenizer(const Tokenizer& tokenizer,
                                     const std::vector<std::string>& given) const {
  const Json now = origin_of(tokenizer);
  std::vector<std::string> found;
  for (size_t i = 0; i < records_.size(); ++i) {
    Json compared = now;
    const Json then = object_in(object_in(records_[i], kOrigin), "tokenizer");
    for (const std::string& key : given) {
      compared["tokenizer"].erase(key);
      if (then.contains(key)) compared["tokenizer"][key] = then[key];
    }
    for (std::string& text : differences(i, compared)) found.push_back(std::move(text));
  }
  report_differences(found);
}

void FolderIdentity::check_shared_weights(const std::string& hash) const {
  for (size_t i = 0; i < records_.size(); ++i) check_shared_weights(i, hash);
}

void FolderIdentity::check_shared_weights(size_t task, const std::string& hash) const {
  const std::string found = text_of(records_[task], "shared_weights");
  if (found == hash) return;
  report(concat(adapter_folder(path_, names_[task]),
                ": this adapter was trained with other shared ", "weights than ", path_,
                kWeightsFile, " (found ", found.empty() ? "none" : quote(found), ", expected ",
                hash, ")"));
}

void FolderIdentity::check_merged(size_t task, const std::string& hash,
                                  const std::string& base) const {
  const std::string found = text_of(records_[task], "shared_weights");
  if (found == hash) return;
  fail(
      path_, ": task ", names_[task], " was trained with other shared weights (hash ", found,
      ") than those of ", base, " (", hash,
      "); only tasks that were trained apart from the same weights with --freeze_all fit together");
}

void FolderIdentity::check_task_weights(size_t task, const TensorFile& file) const {
  if (records_.empty() || is_older(records_[task])) return;
  const std::string hash = tensors_hash(file.tensors()), kept = text_of(records_[task], kWeights);
  if (hash == kept) return;
  report(concat(find_adapter_files(path_, names_[task]).weights, ": not the weights that task ",
                names_[task], " was trained to: their hash was ", quote(kept), ", now ",
                quote(hash)));
}

}  // namespace pals
