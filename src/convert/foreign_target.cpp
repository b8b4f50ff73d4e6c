#include "convert/foreign_target.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"
#include "hub/cache.h"
#include "hub/model_name.h"
#include "kinds/kind.h"
#include "model/open.h"
#include "model/weights.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAdapterConfig = "/adapter_config.json";

size_t chosen_task(const ConvertOptions& options, const ConvertSource& source) {
  if (source.description.tasks.empty()) {
    fail_usage("--to ", name_of(*options.to_format), ": ", options.from,
               " is no model folder with tasks");
  }
  return static_cast<size_t>(find_task(source.description.tasks, options.task, "--task"));
}

// The shared weights of --base must be those that the task was trained with.
void check_base_weights(const ConvertOptions& options, const ConvertSource& source) {
  const OpenedModel base = open_model({.path = options.base, .flag = "--base"});
  TensorFile file = load_tensor_file(base.files.weights);
  const ParameterTable& table = source.model->arena().table();
  const WeightPlan plan = plan_weights(*source.model, file, LoadScope::kShared, base.files.weights);
  const std::vector<TensorEntry> rows = filled_rows(table, plan, file);
  for (size_t i = 0; i < rows.size(); ++i) {
    const TensorEntry& own = source.rows[i];
    if (table.rows()[i].owner != kSharedOwner || own.bytes.empty()) continue;
    if (std::ranges::equal(rows[i].bytes, own.bytes)) continue;
    fail("--base ", options.base, ": its weights are others than those in ", options.from, " (",
         table.rows()[i].name, " differs); an adapter needs the base as it was: train with ",
         "--freeze_all, or leave --base out");
  }
}

// What a package finds the base by: a folder, or a model's name on the hub.
std::string base_name(const ConvertOptions& options) {
  const std::string place =
      options.base.empty() ? fs::absolute(options.from).lexically_normal().string() : options.base;
  const std::string name = name_of_snapshot(place);
  return is_model_name(name) ? parse_model_name(name).repository() : place;
}

ForeignAdapter foreign_adapter(const ConvertOptions& options, const ConvertSource& source,
                               size_t number, Package package) {
  const Task& task = source.description.tasks[number];
  const AdapterConfig& config = source.description.adapters[number];
  const bool known =
      config.kind == "lora" || (config.kind == "bottleneck" && package == Package::kAdapters);
  if (!known) {
    fail("task ", task.name, ": the package ", name_of(package), " has no adapter like the kind ",
         config.kind, package == Package::kPeft ? "; it has lora" : "; it has lora and bottleneck");
  }
  ForeignAdapter adapter;
  adapter.name = task.name;
  adapter.base = base_name(options);
  adapter.hidden_size = source.description.bert.hidden_size;
  adapter.kind = config.kind;
  adapter.size = config.size;
  adapter.alpha = config.alpha;
  adapter.targets = config.targets;
  adapter.activation = config.activation;
  adapter.reads = config.reads;
  adapter.after = config.after;
  adapter.layers = config.layers;
  adapter.task_kind = task.kind;
  adapter.num_outputs = num_outputs(task);
  adapter.labels = output_names(task);
  // A head that reads tokens has no use for a pooler.
  adapter.task_pooler = config.task_pooler && !kind_of(task).head().reads_tokens;
  const std::string prefix = task_prefix(static_cast<int>(number));
  for (const TensorEntry& row : source.rows) {
    if (!row.name.starts_with(prefix) || row.bytes.empty()) continue;
    TensorEntry own = renamed(row, row.name.substr(prefix.size()));
    if (own.name.starts_with("pooler.") && !adapter.task_pooler) continue;
    adapter.tensors.push_back(std::move(own));
  }
  return adapter;
}

}  // namespace

void check_foreign_target(const ConvertOptions& options) {
  const std::string& to = options.to;
  if (file_exists(to)) fail("TO: ", to, " is a file, expected a folder to write");
  if (!directory_exists(to) || list_directory(to).empty()) return;
  if (!file_exists(to + kAdapterConfig)) fail("TO: ", to, " is a folder, but no adapter's");
  if (!options.overwrite) {
    fail_usage("TO: ", to, " exists; --overwrite puts the new adapter in its place");
  }
}

std::vector<std::string> write_foreign_target(const ConvertOptions& options,
                                              const ConvertSource& source, Package package,
                                              ConvertReport& report) {
  const size_t number = chosen_task(options, source);
  const ForeignAdapter adapter = foreign_adapter(options, source, number, package);
  if (!options.base.empty() && !package_of(options.from)) check_base_weights(options, source);
  write_folder_aside(options.to, [&](const std::string& fresh) {
    write_foreign_files(fresh, adapter, package, source.description.bert.num_hidden_layers);
  });
  report.tasks = 1;
  report.adapter = source.description.adapters[number].kind;
  report.tensors = adapter.tensors.size();
  report.parameters = 0;
  for (const TensorEntry& tensor : adapter.tensors) report.parameters += tensor.numel();
  return {options.to};
}

}  // namespace pals
