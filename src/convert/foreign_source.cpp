#include "convert/foreign_source.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "catalog/task_file.h"
#include "catalog/task_json.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "kinds/kind.h"
#include "model/label_order.h"
#include "model/open.h"
#include "model/weights.h"
#include "tasks/glue.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

// The model's name without owners and folders, also of a path into a cache of downloads.
std::string model_name(const std::string& name) {
  std::string last;
  for (const fs::path& part : fs::path(name)) {
    if (part.empty()) continue;
    constexpr std::string_view kCached = "models--";
    if (part.string().starts_with(kCached)) {
      const std::string cached = part.string();
      return cached.substr(cached.rfind("--") + 2);
    }
    last = part.string();
  }
  return ascii_lower(last);
}

// Error for an adapter of another model; what is to be said of one whose name alone differs.
std::string check_base(const ConvertOptions& options, const OpenedModel& base,
                       const ForeignAdapter& adapter) {
  const int64_t hidden_size = base.description.bert.hidden_size;
  if (adapter.hidden_size && *adapter.hidden_size != hidden_size) {
    fail(options.from, ": an adapter for a model with a hidden_size of ", *adapter.hidden_size,
         ", but that of --base ", options.base, " is ", hidden_size);
  }
  if (adapter.base.empty() || same_file(adapter.base, options.base)) return "";
  const Json config = read_json(base.files.config);
  std::vector<std::string> names = {model_name(options.base),
                                    model_name(fs::weakly_canonical(options.base).string())};
  const auto stated = config.find("_name_or_path");
  if (stated != config.end() && stated->is_string()) {
    names.push_back(model_name(stated->get<std::string>()));
  }
  // A folder that is there is not another one of the same name.
  const bool elsewhere = directory_exists(adapter.base);
  if (!elsewhere && std::ranges::find(names, model_name(adapter.base)) != names.end()) {
    return "";
  }
  const std::string what = concat(options.from, ": an adapter for ", quote(adapter.base),
                                  ", but --base is ", options.base);
  if (!options.accept_changes) {
    fail(what, "; give that model, or --accept_changes if it is the same one by another name");
  }
  return what + ": accepted";
}

// Own tasks have no names of GLUE's, unless they are what these are.
void check_name(const Task& task) {
  const std::string lower = ascii_lower(task.name);
  const auto glue = std::ranges::find(glue_tasks(), lower, &Task::name);
  if (glue == glue_tasks().end()) {
    if (lower != "all" && lower != "inf" && lower != "single") return;
    fail_usage("--task: ", quote(task.name), " has a meaning of its own in --tasks");
  }
  if (task.kind == glue->kind && task.labels == glue->labels) return;
  fail_usage("--task: ", quote(task.name), " is a task of GLUE, of the kind ",
             kind_name(glue->kind),
             glue->labels.empty() ? "" : " with the labels " + join(glue->labels, ","),
             "; give another name", task.kind == glue->kind ? ", or these labels" : "");
}

// The task that flags, or the folder itself, describe.
Task described_task(const ConvertOptions& options, const ForeignAdapter& adapter) {
  if (!options.task_file.empty() || !options.tasks.empty()) {
    const std::vector<Task> own = options.task_file.empty()
                                      ? std::vector<Task>()
                                      : read_task_file(options.task_file, DataFiles::kIdle);
    const std::vector<Task> chosen =
        select_tasks(options.tasks.empty() ? options.task : options.tasks, {}, own);
    if (chosen.size() != 1) {
      fail_usage("--tasks: ", counted(std::ssize(chosen), "task"), ", but ", options.from,
                 " holds one");
    }
    return chosen.front();
  }
  if (options.task.empty()) {
    fail_usage("--task is missing: the name that the task of ", options.from, " is to have");
  }
  Json object = {{"name", options.task}, {"kind", kind_name(adapter.task_kind)}};
  std::vector<std::string> labels = adapter.labels;
  if (!options.labels.empty()) {
    labels.clear();
    for (const std::string_view label : split(options.labels, ','))
      labels.emplace_back(trim(label));
  }
  if (kind_of(adapter.task_kind).has_labels()) {
    if (labels.empty()) {
      fail_usage("--labels is missing: ", options.from, " does not name the ", adapter.num_outputs,
                 " outputs of its head");
    }
    object["labels"] = labels;
  } else if (!options.labels.empty()) {
    fail_usage("--labels: the head in ", options.from, " is of the kind ",
               kind_name(adapter.task_kind), ", which has none");
  }
  object.update(kind_of(adapter.task_kind).keys_for(labels));
  Task task = task_from_json(object, "--task");
  check_name(task);
  return task;
}

Task task_of(const ConvertOptions& options, const ForeignAdapter& adapter) {
  Task task = described_task(options, adapter);
  const HeadTraits found = kind_of(adapter.task_kind).head(), wanted = kind_of(task).head();
  if (found.reads_tokens != wanted.reads_tokens || found.name != std::string_view(wanted.name)) {
    fail_usage("task ", task.name, " is of the kind ", kind_name(task.kind), ", the head in ",
               options.from, " is ", found.described);
  }
  if (num_outputs(task) != adapter.num_outputs) {
    fail_usage("task ", task.name, " has ", counted(num_outputs(task), "output"), ", the head in ",
               options.from, " ", adapter.num_outputs);
  }
  task.adapter.clear();
  return task;
}

// Where the folder names its outputs, they are put into the order of the task's labels.
std::vector<int64_t> named_order(const ForeignAdapter& adapter, const Task& task,
                                 const std::string& where) {
  Json label2id;
  for (size_t i = 0; i < adapter.labels.size(); ++i) label2id[adapter.labels[i]] = i;
  return output_order(Json{{"label2id", label2id}}, task, where);
}

AdapterConfig adapter_of(const ForeignAdapter& adapter) {
  AdapterConfig config;
  config.kind = adapter.kind;
  config.size = adapter.size;
  config.alpha = adapter.alpha;
  config.targets = adapter.targets;
  config.activation = adapter.activation;
  config.after = adapter.after;
  config.reads = adapter.reads;
  config.layers = adapter.layers;
  config.task_pooler = adapter.task_pooler;
  return config;
}

// The shared tensors of the base, and the adapter's as those of task 0.
void add_tensors(const OpenedModel& opened, ForeignFolder folder, ConvertSource& source) {
  TensorFile base = load_tensor_file(opened.files.weights);
  check_shared_weights(opened, base);
  for (const TensorEntry& tensor : base.tensors()) {
    const bool own_head = canonical_name(tensor.name).starts_with("tasks.");
    if (own_head || is_left_out(tensor.name)) continue;
    source.file.add(tensor, opened.files.weights);
  }
  for (const TensorEntry& tensor : folder.adapter.tensors) {
    TensorEntry own = tensor;
    own.name.insert(0, task_prefix(0));
    source.file.add(std::move(own), opened.source.path);
  }
  source.memory.push_back(std::move(base));
  source.memory.push_back(std::move(folder.weights));
  source.memory.push_back(std::move(folder.head));
}

}  // namespace

ConvertSource read_foreign_source(const ConvertOptions& options, Package package) {
  ForeignFolder folder = read_foreign_folder(options.from, package);
  const ForeignAdapter& adapter = folder.adapter;
  if (options.base.empty()) {
    fail_usage("--base is missing: ", options.from, " is an adapter of ", name_of(package),
               adapter.base.empty() ? "" : " for " + quote(adapter.base),
               "; name the folder of that model");
  }
  const OpenedModel opened = open_model({.path = options.base,
                                         .vocab_file = options.vocab_file,
                                         .do_lower_case = options.do_lower_case,
                                         .special_tokens_in_text = options.special_tokens_in_text,
                                         .flag = "--base"});
  const std::string accepted = check_base(options, opened, adapter);
  ConvertSource source;
  source.format = concat("adapter of ", name_of(package));
  source.description.bert = opened.description.bert;
  source.description.max_seq_length = opened.description.max_seq_length;
  source.description.tasks = {task_of(options, adapter)};
  const std::vector<int64_t> order =
      named_order(adapter, source.description.tasks.front(), options.from);
  AdapterConfig config = adapter_of(adapter);
  try {
    config = resolve_adapter(config, source.description.bert, options.from);
  } catch (const UsageError& error) {
    fail(error.what(), "; is --base the model that the adapter belongs to?");
  }
  source.description.adapters = {config};
  source.num_tasks = 1;
  source.tokenizer = open_tokenizer(opened);
  source.model =
      std::make_unique<MultiTaskModel>(source.description.bert, source.description.adapters,
                                       head_specs(source.description.tasks), at::kFloat);
  const std::vector<std::string> notes = adapter.notes;
  add_tensors(opened, std::move(folder), source);
  const ParameterTable& table = source.model->arena().table();
  const WeightPlan plan = plan_weights(*source.model, source.file, LoadScope::kAll, options.from);
  for (const std::string& name : plan.report.unused) {
    if (name.starts_with("tasks.")) fail(options.from, ": no place for the tensor ", quote(name));
    source.left_out.push_back(name);
  }
  source.missing = plan.report.missing;
  source.rows = filled_rows(table, plan, source.file);
  order_outputs(order, source);
  // Of what is refused nothing was taken over.
  if (!accepted.empty()) log_warning(accepted);
  for (const std::string& note : notes) log_info(options.from, ": ", note);
  return source;
}

}  // namespace pals
