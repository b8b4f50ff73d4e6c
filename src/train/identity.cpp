#include "train/identity.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json_differences.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "model/folder_writer.h"
#include "text/tokenizer_files.h"
#include "train/check_options.h"

namespace pals {
namespace {

constexpr int64_t kIdentityVersion = 1;

// Where something lies makes no difference; what lies there is hashed.
constexpr std::array kPaths = {"task_file",  "train_file",      "dev_file", "bert_config_file",
                               "vocab_file", "init_checkpoint", "teacher"};

std::string weights_hash(const ParameterArena& arena) {
  const at::Tensor weights = arena.weights().cpu();
  return content_hash_hex(
      {static_cast<const char*>(weights.const_data_ptr()), static_cast<size_t>(weights.nbytes())});
}

Json section(const Json& identity, const char* key) {
  return identity.is_object() && identity.contains(key) ? identity[key] : Json::object();
}

void refuse_differences(const std::string& folder, const Json& saved, const Json& current) {
  const std::vector<std::string> differences = identity_differences(saved, current);
  if (differences.empty()) return;
  fail(folder, " holds a run that began with other content: ", some_differences(differences),
       "; give the same, another --output_dir, or --overwrite_output_dir");
}

}  // namespace

Json run_identity(const TrainOptions& options, const RunSetup& setup,
                  const std::vector<FeatureJob>& jobs, const FeatureStore& store,
                  const std::map<std::string, std::string>& teachers) {
  const ModelDescription& description = setup.description;
  Json tasks = Json::object(), data = Json::object();
  for (const Task& task : description.tasks) tasks["task " + task.name] = task_identity(task);
  for (size_t i = 0; i < jobs.size(); ++i) {
    data[concat("content of ", jobs[i].task.name, "'s ", jobs[i].file.split, " file")] =
        store.hashes(static_cast<int64_t>(i)).file;
  }
  Json resolved = options_to_json(options);
  for (const char* path : kPaths) resolved.erase(path);
  for (const auto& [task, hash] : teachers) data[concat("content of ", task, "'s teacher")] = hash;
  Json tokenizer = tokenizer_config_keys(setup.tokenizer->settings());
  tokenizer.erase("do_lower_case");  // beside it, where older runs have it
  return {{"version", kIdentityVersion},
          {"tasks", std::move(tasks)},
          {"data", std::move(data)},
          {"bert", bert_config_to_json(description.bert)},
          {"vocabulary", setup.tokenizer->vocabulary().content_hash()},
          {"lower_case", setup.tokenizer->do_lower_case()},
          {"tokenizer", std::move(tokenizer)},
          {"starting_weights", weights_hash(setup.model->arena())},
          {"options", std::move(resolved)}};
}

std::vector<std::string> identity_differences(const Json& saved, const Json& current) {
  std::vector<std::string> differences;
  const auto compare = [&](const std::string& name, const Json& then, const Json& now) {
    for (std::string& text : json_differences(name, then, now)) {
      differences.push_back(std::move(text));
    }
  };
  for (const char* key : {"tasks", "data"}) {
    compare("", section(saved, key), section(current, key));
  }
  compare("BERT configuration", section(saved, "bert"), section(current, "bert"));
  compare("tokenizer settings", section(saved, "tokenizer"), section(current, "tokenizer"));
  const Json then = section(saved, "options"), now = section(current, "options");
  for (const std::string& name : differing_options(then, now)) {
    compare("--" + name, then.value(name, Json()), now.value(name, Json()));
  }
  for (const auto& [key, name] :
       {std::pair{"vocabulary", "content of the vocabulary"},
        std::pair{"lower_case", "lower-casing"},
        std::pair{"starting_weights", "content of the starting weights"}}) {
    compare(name, saved.value(key, Json()), current.value(key, Json()));
  }
  return differences;
}

void check_identity(const std::string& folder, const Json& state, const Json& current,
                    bool longer) {
  std::vector<Json> saved;
  const std::string path = folder + kIdentityName;
  if (file_exists(path)) {
    try {
      saved.push_back(read_json(path));
    } catch (const Error& error) {
      log_warning(error.what(), "; it is made again, from what the checkpoint says");
    }
  }
  if (state.is_object()) saved.push_back(state.value("identity", Json()));
  std::erase_if(saved, [](const Json& identity) { return !identity.is_object(); });
  for (Json& identity : saved) {
    if (longer && identity.contains("options"))
      identity["options"]["max_steps"] = section(current, "options")["max_steps"];
    refuse_differences(folder, identity, current);
  }
  if (!state.is_null() && saved.empty()) {
    log_warning(folder,
                ": begun by an earlier version, which kept no hashes: whether tasks, data, ",
                "vocabulary, configuration and starting weights are the same cannot be checked");
  }
}

void check_rows(const std::vector<Task>& tasks, const Json& then, const std::vector<int64_t>& now,
                const std::string& folder) {
  for (size_t task = 0; task < now.size() && task < then.size(); ++task) {
    const auto before = then[task].get<int64_t>();
    if (now[task] == before) continue;
    fail("task ", tasks[task].name, " has ", now[task], " training rows, but had ", before,
         " when the run in ", folder, " began; give the same data, or another --output_dir");
  }
}

}  // namespace pals
