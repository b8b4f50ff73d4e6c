#include "train/choose_adapters.h"

#include <algorithm>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

// The configuration that may say what adapters there are.
struct Saved {
  std::string file;
  Json json;
  const ModelDescription* folder = nullptr;  ///< it is that of a model folder
};

Saved saved_configuration(const TrainOptions& options, const OpenedModel& opened) {
  Saved saved;
  saved.file = options.bert_config_file.empty() ? opened.files.config : options.bert_config_file;
  saved.json = read_json(saved.file);
  if (opened.trained && options.bert_config_file.empty()) saved.folder = &opened.description;
  return saved;
}

bool has_reference_keys(const Json& json) {
  return !has_pals_object(json) &&
         std::ranges::any_of(reference_adapter_keys(),
                             [&](const std::string& key) { return json.contains(key); });
}

// What a model folder has for a task; for one that it does not know, what all of its tasks have.
AdapterConfig folder_adapter(const ModelDescription& folder, const TrainOptions& options,
                             const std::string& task) {
  const std::vector<AdapterConfig>& all = folder.adapters;
  const auto found = std::ranges::find(folder.tasks, task, &Task::name);
  AdapterConfig adapter = all.front();
  if (found != folder.tasks.end()) {
    adapter = all[static_cast<size_t>(found - folder.tasks.begin())];
  } else if (options.adapter.empty() && std::ranges::count(all, adapter) != std::ssize(all)) {
    fail_usage("--adapter is missing: task ", task, " is not in ", options.init_checkpoint,
               ", whose tasks have different adapters (", adapter_kinds_text(all), ")");
  }
  const bool other = !options.adapter.empty() && options.adapter != adapter.kind;
  return other ? AdapterConfig() : adapter;
}

// What the configuration says of a task's adapter.
AdapterConfig saved_adapter(const Saved& saved, const TrainOptions& options,
                            const std::string& task) {
  if (saved.folder != nullptr) return folder_adapter(*saved.folder, options, task);
  AdapterConfig adapter = read_adapter_config(saved.json, saved.file);
  const bool other = !options.adapter.empty() && options.adapter != adapter.kind;
  return other && has_pals_object(saved.json) ? AdapterConfig() : adapter;
}

// UsageError for a flag whose setting the kind does not have.
void check_flags(const TrainOptions& options, const std::string& kind) {
  const struct {
    const char* flag;
    bool given;
    const char* setting;
  } flags[] = {{"--adapter_size", options.adapter_size > 0, "size"},
               {"--rank", options.rank > 0, "rank"},
               {"--alpha", options.alpha > 0, "alpha"},
               {"--targets", !options.targets.empty(), "targets"},
               {"--adapter_layers", !options.adapter_layers.empty(), ""}};
  const std::vector<const char*>& settings = find_adapter_kind(kind, "--adapter").kind->settings;
  for (const auto& [flag, given, setting] : flags) {
    if (!given) continue;
    if (kind == "none") {
      fail_usage(flag, " needs --adapter: one of ", join(adapter_names(), ", "));
    }
    const std::string_view name = setting;
    if (name.empty() || std::ranges::find(settings, name) != settings.end()) continue;
    if (name == "size" && std::ranges::find(settings, std::string_view("rank")) == settings.end()) {
      continue;  // a kind without sizes
    }
    fail_usage(flag, " is not a setting of --adapter ", kind, "; it has: ",
               join(std::vector<std::string>(settings.begin(), settings.end()), ", "));
  }
}

// The flags on top of it.
AdapterConfig with_flags(AdapterConfig adapter, const TrainOptions& options, const Saved& saved,
                         const BertConfig& bert) {
  std::string where = has_reference_keys(saved.json) ? saved.file : "--adapter";
  if (!options.adapter.empty()) {
    if (adapter.kind != "none" && adapter.kind != options.adapter) {
      fail_usage("--adapter ", options.adapter, " contradicts ", saved.file, ", which asks for ",
                 adapter.kind);
    }
    if (adapter.kind == "none") adapter = {};
    adapter.kind = options.adapter;
    where = "--adapter " + options.adapter;
  }
  check_flags(options, adapter.kind);
  if (options.h_aug > 0) adapter.size = options.h_aug;
  if (options.adapter_size > 0) adapter.size = options.adapter_size;
  if (options.rank > 0) adapter.size = options.rank;
  if (options.alpha > 0) adapter.alpha = options.alpha;
  if (!options.targets.empty()) adapter.targets = parse_targets(options.targets);
  if (!options.adapter_layers.empty()) {
    adapter.layers = parse_layers(options.adapter_layers, "--adapter_layers");
  }
  if (options.task_pooler) adapter.task_pooler = true;
  return resolve_adapter(adapter, bert, where);
}

AdapterConfig of_task_file(const Task& task, const TrainOptions& options, const BertConfig& bert) {
  const std::string where = concat("--task_file: task ", task.name);
  AdapterConfig adapter;
  try {
    adapter = adapter_from_json(parse_json(task.adapter, where), where);
  } catch (const Error& error) {
    fail_usage(error.what());
  }
  if (options.task_pooler) adapter.task_pooler = true;
  return resolve_adapter(adapter, bert, where);
}

}  // namespace

AdapterChoice choose_adapters(const TrainOptions& options, const OpenedModel& opened,
                              const std::vector<Task>& tasks) {
  const Saved saved = saved_configuration(options, opened);
  const BertConfig& bert = opened.description.bert;
  AdapterChoice choice;
  bool alike = true;
  for (const Task& task : tasks) {
    if (!task.adapter.empty()) {
      choice.tasks.push_back(of_task_file(task, options, bert));
      continue;
    }
    choice.tasks.push_back(
        with_flags(saved_adapter(saved, options, task.name), options, saved, bert));
    alike = alike && (!choice.common || *choice.common == choice.tasks.back());
    choice.common = choice.tasks.back();
  }
  if (!alike) choice.common.reset();
  return choice;
}

}  // namespace pals
