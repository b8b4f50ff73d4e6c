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

// An adapter flag, whether it was given, and the setting that it makes (empty: every kind has it).
struct GivenFlag {
  const char* flag;
  bool given;
  std::string_view setting;
};

std::vector<GivenFlag> settings_of(const AdapterFlags& flags) {
  return {{"--adapter_size", flags.adapter_size > 0, "size"},
          {"--rank", flags.rank > 0, "rank"},
          {"--alpha", flags.alpha > 0, "alpha"},
          {"--targets", !flags.targets.empty(), "targets"},
          {"--adapter_layers", !flags.adapter_layers.empty(), ""}};
}

// UsageError for a flag whose setting the kind does not have.
void check_settings(const AdapterFlags& flags, const std::string& kind) {
  const std::vector<const char*>& settings = find_adapter_kind(kind, "--adapter").kind->settings;
  for (const auto& [flag, given, setting] : settings_of(flags)) {
    if (!given) continue;
    if (kind == "none") {
      fail_usage(flag, " needs --adapter: one of ", join(adapter_names(), ", "));
    }
    if (setting.empty() || std::ranges::find(settings, setting) != settings.end()) continue;
    const std::string has = join({settings.begin(), settings.end()}, ", ");
    fail_usage(flag, " is not a setting of --adapter ", kind, "; it has ",
               has.empty() ? "none" : has);
  }
}

AdapterFlags flags_of(const TrainOptions& options) {
  AdapterFlags flags = options;
  if (flags.adapter_size == 0) flags.adapter_size = options.h_aug;
  return flags;
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
  adapter = with_settings(std::move(adapter), flags_of(options));
  if (options.task_pooler) adapter.task_pooler = true;
  return resolve_adapter(adapter, bert, where);
}

// In a setting that stands for what is not given.
void refuse_empty_lists(const Json& adapter, const std::string& where) {
  for (const auto& [key, value] : adapter.items()) {
    if (!value.is_array() || !value.empty()) continue;
    fail(where, ": ", quote(key), " of the adapter is an empty list; name at least one, or leave ",
         "the key out for those that the kind has by default");
  }
}

}  // namespace

AdapterConfig with_settings(AdapterConfig adapter, const AdapterFlags& flags) {
  check_settings(flags, adapter.kind);
  if (flags.adapter_size > 0) adapter.size = flags.adapter_size;
  if (flags.rank > 0) adapter.size = flags.rank;
  if (flags.alpha > 0) adapter.alpha = flags.alpha;
  if (!flags.targets.empty()) adapter.targets = parse_targets(flags.targets);
  if (!flags.adapter_layers.empty()) {
    adapter.layers = parse_layers(flags.adapter_layers, "--adapter_layers");
  }
  return adapter;
}

AdapterConfig own_adapter(const Task& task, const BertConfig& bert, bool task_pooler) {
  const std::string where = concat("--task_file: task ", task.name);
  AdapterConfig adapter;
  try {
    const Json written = parse_json(task.adapter, where);
    adapter = adapter_from_json(written, where);
    refuse_empty_lists(written, where);
  } catch (const Error& error) {
    fail_usage(error.what());
  }
  if (task_pooler) adapter.task_pooler = true;
  return resolve_adapter(adapter, bert, where);
}

void refuse_idle_flags(const AdapterFlags& flags, const std::vector<Task>& tasks) {
  if (std::ranges::any_of(tasks, [](const Task& task) { return task.adapter.empty(); })) return;
  std::vector<GivenFlag> all = settings_of(flags);
  all.insert(all.begin(), {"--adapter", !flags.adapter.empty(), ""});
  const auto idle = std::ranges::find_if(all, &GivenFlag::given);
  if (idle == all.end()) return;
  fail_usage(idle->flag,
             " changes nothing: the task file says which adapter each of the tasks has (",
             "\"adapter\"); leave out the flag, or the key of the tasks that it is for");
}

AdapterChoice choose_adapters(const TrainOptions& options, const OpenedModel& opened,
                              const std::vector<Task>& tasks) {
  const Saved saved = saved_configuration(options, opened);
  const BertConfig& bert = opened.description.bert;
  refuse_idle_flags(flags_of(options), tasks);
  AdapterChoice choice;
  bool alike = true;
  for (const Task& task : tasks) {
    if (!task.adapter.empty()) {
      choice.tasks.push_back(own_adapter(task, bert, options.task_pooler));
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
