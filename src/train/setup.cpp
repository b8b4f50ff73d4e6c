#include "train/setup.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/single_task.h"
#include "catalog/task_file.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "kinds/kind.h"
#include "model/open.h"
#include "model/weights.h"
#include "nn/blocks.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

OpenedModel open_checkpoint(const TrainOptions& options) {
  return open_model({.path = options.init_checkpoint,
                     .bert_config_file = options.bert_config_file,
                     .vocab_file = options.vocab_file,
                     .do_lower_case = options.do_lower_case,
                     .special_tokens_in_text = options.special_tokens_in_text,
                     .flag = "--init_checkpoint",
                     .folder_config_first = true});
}

AdapterConfig choose_adapter(const TrainOptions& options, const CheckpointSources& sources,
                             const BertConfig& bert) {
  // The file's keys first, then the flags on top of them.
  std::string where = "--adapter";
  const std::string& file =
      options.bert_config_file.empty() ? sources.config : options.bert_config_file;
  const Json json = read_json(file);
  AdapterConfig adapter = read_adapter_config(json, file);
  if (has_pals_object(json)) {
    if (!options.adapter.empty() && options.adapter != adapter.kind) adapter = {};
  } else if (adapter.kind != "none") {
    where = file;
  }
  if (!options.adapter.empty()) {
    if (adapter.kind != "none" && adapter.kind != options.adapter) {
      fail_usage("--adapter ", options.adapter, " contradicts ", file, ", which asks for ",
                 adapter.kind);
    }
    if (adapter.kind == "none") adapter = {};
    adapter.kind = options.adapter;
    where = "--adapter " + options.adapter;
  }
  if (adapter.kind == "none" && (options.adapter_size > 0 || !options.adapter_layers.empty())) {
    fail_usage(options.adapter_size > 0 ? "--adapter_size" : "--adapter_layers",
               " needs --adapter: one of ", join(adapter_names(), ", "));
  }
  if (options.h_aug > 0) adapter.size = options.h_aug;
  if (options.adapter_size > 0) adapter.size = options.adapter_size;
  if (!options.adapter_layers.empty()) {
    adapter.layers = parse_layers(options.adapter_layers, "--adapter_layers");
  }
  if (options.task_pooler) adapter.task_pooler = true;
  return resolve_adapter(adapter, bert, where);
}

// The second text of a pair is of type 1.
void check_token_types(const ModelDescription& description, const std::string& config) {
  if (description.bert.type_vocab_size >= 2) return;
  for (const Task& task : description.tasks) {
    for (const DataFile& file : task.files) {
      if (!kind_of(task).has_pairs(file)) continue;
      fail(config, ": type_vocab_size is ", description.bert.type_vocab_size, ", but task ",
           task.name, " has pairs of texts, which need 2");
    }
  }
}

// A file that holds task parts of its own (a whole multi-task checkpoint) is loaded whole, unless
// --multi asks for fresh adapters.
LoadScope scope_of(const TrainOptions& options, const TensorFile& file) {
  const auto is_task_part = [](const TensorEntry& entry) {
    return canonical_name(entry.name).starts_with("tasks.");
  };
  const bool whole = !options.multi && std::ranges::any_of(file.tensors(), is_task_part);
  return whole ? LoadScope::kAll : LoadScope::kShared;
}

LoadReport load_checkpoint(const TrainOptions& options, const TensorFile& file,
                           const std::string& path, MultiTaskModel& model) {
  const LoadScope scope = scope_of(options, file);
  try {
    return load_weights(model, file, scope, path);
  } catch (const Error& error) {
    if (scope == LoadScope::kShared) throw;
    fail(error.what(), "; it holds heads or adapters of its own: with --multi only its encoder is ",
         "loaded");
  }
}

// What the file holds and the model does not take is said, so that no head is lost unnoticed.
void report_unused(const std::vector<std::string>& unused, const std::string& path) {
  std::vector<std::string> names;
  for (const std::string& name : unused) {
    if (!is_left_out(name)) names.push_back(name);
  }
  if (!names.empty()) log_warning(path, ": not used: ", list_names(names));
}

// A folder that `pals train` wrote brings the trained parts of its tasks along, unless --multi asks
// for fresh ones or the adapters are of another kind or size.
void load_folder_tasks(const TrainOptions& options, const OpenedModel& opened, RunSetup& setup) {
  if (options.multi || !opened.trained) return;
  const std::string& folder = opened.files.folder;
  const AdapterConfig& chosen = setup.description.adapter;
  const AdapterConfig& saved = opened.description.adapter;
  if (adapter_to_json(saved) != adapter_to_json(chosen)) {
    log_info("the task-specific parts in ", folder, " are others (", saved.kind,
             "): all tasks start with fresh ones");
    return;
  }
  std::vector<std::string> loaded;
  for (size_t i = 0; i < setup.description.tasks.size(); ++i) {
    const std::string& name = setup.description.tasks[i].name;
    const std::string path = adapter_folder(folder, name) + kAdapterWeightsFile;
    if (!file_exists(path)) continue;
    load_task_weights(*setup.model, static_cast<int>(i), load_tensor_file(path), path);
    loaded.push_back(name);
  }
  setup.model->arena().refresh_shadow();
  if (!loaded.empty()) log_info("task-specific parts loaded for ", join(loaded, ", "));
}

// The task of --kind and its flags.
Task single_task(const TrainOptions& options) {
  Task task = make_single_task(options.kind, options.task_name, options.train_file,
                               options.dev_file, options.span);
  // A saved run names its tasks.
  const bool other_tasks = !options.tasks.empty() && options.tasks != task.name;
  if (other_tasks || !options.task_file.empty()) {
    fail_usage(other_tasks ? "--tasks" : "--task_file",
               " makes no sense beside --kind, which is one task alone");
  }
  return task;
}

}  // namespace

std::vector<Task> choose_tasks(const TrainOptions& options) {
  if (!options.kind.empty()) return {single_task(options)};
  if (!options.train_file.empty() || !options.dev_file.empty()) {
    fail_usage(
        options.train_file.empty() ? "--dev_file" : "--train_file",
        " needs --kind: span or multiple_choice; other tasks are described in a --task_file");
  }
  std::vector<Task> own;
  if (!options.task_file.empty()) own = read_task_file(options.task_file);
  std::vector<Task> tasks = select_tasks(options.tasks, options.task_id, own);
  for (const Task& task : tasks) check_metrics(task);
  return tasks;
}

RunSetup set_up_run(const TrainOptions& options, at::Device device) {
  const OpenedModel opened = open_checkpoint(options);
  const CheckpointSources& sources = opened.files;
  RunSetup setup;
  ModelDescription& description = setup.description;
  description.tasks = choose_tasks(options);
  description.max_seq_length = options.max_seq_length;
  description.bert = opened.description.bert;
  if (!sources.folder.empty() && !options.bert_config_file.empty()) {
    // Its adapter keys count; the rest must be valid.
    parse_bert_config(read_json(options.bert_config_file), options.bert_config_file,
                      reference_adapter_keys());
  }
  if (options.dropout >= 0.0) {
    description.bert.hidden_dropout_prob = options.dropout;
    description.bert.attention_probs_dropout_prob = options.dropout;
  }
  description.adapter = choose_adapter(options, sources, description.bert);
  check_token_types(description, sources.config);
  check_length(options.max_seq_length, description.bert, "--max_seq_length", sources.config);
  setup.tokenizer = std::make_unique<Tokenizer>(open_tokenizer(opened));
  setup.model = std::make_unique<MultiTaskModel>(
      description.bert, description.adapter, head_specs(description.tasks),
      choose_training_precision(options.precision, device), options.freeze, device);
  setup.model->set_recording(!options.no_graphs);
  setup.model->set_recompute(options.recompute);
  const double range = description.bert.initializer_range;
  if (sources.weights.empty()) {
    log_warning("no --init_checkpoint: training from random weights");
    setup.model->arena().initialize(range, options.seed);
  } else {
    const TensorFile file = load_tensor_file(sources.weights);
    const LoadReport report = load_checkpoint(options, file, sources.weights, *setup.model);
    report_unused(report.unused, sources.weights);
    setup.model->arena().initialize(range, options.seed, report.missing);
    load_folder_tasks(options, opened, setup);
  }
  return setup;
}

std::string describe_model(const MultiTaskModel& model, int ranks) {
  const ParameterTable& table = model.arena().table();
  int64_t task_parameters = 0;
  for (int task = 0; task < model.num_tasks(); ++task) task_parameters += table.count(task);
  const auto millions = [](int64_t n) { return format_double(static_cast<double>(n) / 1e6, 2); };
  const std::string place =
      model.device().is_cpu()
          ? concat(at::get_num_threads(), at::get_num_threads() == 1 ? " thread, " : " threads, ",
                   cpu_isa())
          : device_name(model.device());
  return concat("model: ", millions(table.count(kSharedOwner)), " M shared parameters, ",
                millions(task_parameters), " M in ", model.num_tasks(), " task",
                model.num_tasks() == 1 ? "" : "s", ", adapter ", model.adapter_config().kind, ", ",
                precision_name(model.precision()), ", ", place,
                ranks == 1 ? "" : concat(", ", ranks, " ranks"));
}

TrainOptions resolved_options(TrainOptions options, const RunSetup& setup) {
  const ModelDescription& description = setup.description;
  std::vector<std::string> names;
  for (const Task& task : description.tasks) names.push_back(task.name);
  options.tasks = join(names, ",");
  options.task_id.reset();
  options.adapter = description.adapter.kind;
  options.adapter_size = description.adapter.size;
  options.task_pooler = description.adapter.task_pooler;
  options.do_lower_case = setup.tokenizer->do_lower_case();
  options.special_tokens_in_text.reset();  // so that it is not written unless it is on
  if (setup.tokenizer->settings().special_tokens_in_text) options.special_tokens_in_text = true;
  options.precision = choice_of(setup.model->precision());
  options.threads = at::get_num_threads();
  return options;
}

}  // namespace pals
