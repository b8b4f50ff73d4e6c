#include "hub/listing.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "hub/model_name.h"

namespace pals {
namespace {

constexpr size_t kMostWantedFiles = 4000;

bool is_shard(std::string_view name, std::string_view beginning, std::string_view ending) {
  return name.starts_with(beginning) && name.ends_with(ending) &&
         name.find("-of-") != std::string_view::npos && name.find('/') == std::string_view::npos;
}

// Files of a task of a folder that `pals train` wrote: adapters/TASK/FILE.
bool is_task_file(std::string_view name) {
  constexpr std::string_view kFiles[] = {"pals_adapter.json", "pals_adapter.safetensors",
                                         "adapter_config.json", "adapter_model.safetensors"};
  const std::vector<std::string_view> parts = split(name, '/');
  return parts.size() == 3 && parts[0] == "adapters" &&
         std::ranges::find(kFiles, parts[2]) != std::end(kFiles);
}

/// Chooses from the names.
class Choice {
 public:
  explicit Choice(const std::vector<std::string>& names) : known_(names.begin(), names.end()) {}

  bool take(const std::string& name) {
    if (!known_.contains(name)) return false;
    chosen_.push_back(name);
    return true;
  }

  bool take_first(std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return take(name); });
  }

  // An index and its shards.
  bool take_shards(const std::string& index, std::string_view beginning, std::string_view ending) {
    if (!take(index)) return false;
    for (const std::string& name : known_) {
      if (is_shard(name, beginning, ending)) chosen_.push_back(name);
    }
    return true;
  }

  const std::set<std::string>& known() const { return known_; }
  std::vector<std::string> chosen() && { return std::move(chosen_); }

 private:
  std::set<std::string> known_;
  std::vector<std::string> chosen_;
};

}  // namespace

ModelListing parse_listing(std::string_view json, const std::string& where) {
  const Json answer = parse_json(json, where);
  const auto member = [&](const Json& object, const char* key) {
    if (!object.is_object()) return Json();
    const auto it = object.find(key);
    return it == object.end() ? Json() : *it;
  };
  const Json sha = member(answer, "sha"), siblings = member(answer, "siblings");
  if (!sha.is_string() || !is_commit(sha.get_ref<const std::string&>()) || !siblings.is_array()) {
    fail(where, ": no \"sha\" of a commit and \"siblings\" (a list): not the answer of a hub");
  }
  if (siblings.size() > kMostListedFiles) fail(where, ": ", siblings.size(), " files are listed");
  ModelListing listing{.commit = sha.get<std::string>(), .names = {}};
  for (const Json& sibling : siblings) {
    const Json name = member(sibling, "rfilename");
    if (!name.is_string()) fail(where, ": a sibling without \"rfilename\"");
    if (is_plain_file_name(name.get_ref<const std::string&>())) {
      listing.names.push_back(name.get<std::string>());
    }
  }
  return listing;
}

std::vector<std::string> wanted_files(const std::vector<std::string>& names,
                                      const std::string& where) {
  Choice choice(names);
  for (const char* name : {"config.json", "bert_config.json", "tokenizer_config.json", "vocab.txt",
                           "tokenizer.json", "special_tokens_map.json", "added_tokens.json",
                           "tasks.json", "adapter_config.json", "head_config.json"}) {
    choice.take(name);
  }
  for (const std::string& name : choice.known()) {
    if (is_task_file(name)) choice.take(name);
  }
  const bool is_adapter = choice.take_first({"adapter_model.safetensors", "adapter_model.bin",
                                             "adapter.safetensors", "pytorch_adapter.bin"});
  choice.take_first({"model_head.safetensors", "pytorch_model_head.bin"});
  // The order in which a folder's weights are looked for.
  const bool is_model =
      choice.take("model.safetensors") ||
      choice.take_shards("model.safetensors.index.json", "model-", ".safetensors") ||
      choice.take("pytorch_model.bin") ||
      choice.take_shards("pytorch_model.bin.index.json", "pytorch_model-", ".bin");
  if (!is_model && !is_adapter) {
    fail(where, ": none of its ", names.size(),
         " files is a model.safetensors, pytorch_model.bin or ",
         "an adapter's: no model that can be opened here");
  }
  std::vector<std::string> chosen = std::move(choice).chosen();
  if (chosen.size() > kMostWantedFiles) {
    fail(where, ": ", chosen.size(), " files, expected at most ", kMostWantedFiles);
  }
  return chosen;
}

}  // namespace pals
