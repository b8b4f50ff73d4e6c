#include "train/setup.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "catalog/class_weights.h"
#include "catalog/same_task.h"
#include "catalog/single_task.h"
#include "catalog/task_file.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "kernels/device.h"
#include "kernels/operations.h"
#include "kinds/kind.h"
#include "model/label_order.h"
#include "model/open.h"
#include "model/weights.h"
#include "modules/precision_choice.h"
#include "tasks/task_selection.h"
#include "train/choose_adapters.h"
#include "train/plan.h"

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

Frozen frozen_part(const TrainOptions& options) {
  if (options.freeze_all) return Frozen::kAll;
  return options.freeze ? Frozen::kWeights : Frozen::kNothing;
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

// The head of a classifier from elsewhere, whose configuration says in which order its outputs are.
void order_foreign_outputs(const OpenedModel& opened, RunSetup& setup) {
  const std::vector<Task>& tasks = setup.description.tasks;
  if (tasks.size() != 1) return;
  const std::string& config = opened.files.config;
  std::vector<int64_t> order;
  try {
    order = output_order(read_json(config), tasks[0], config);
  } catch (const UsageError& error) {
    fail_usage(error.what(), "; or --multi for a fresh head");
  }
  order_outputs(*setup.model, 0, tasks[0], order);
}

// Weights of models that read tokens alone (spans, tags) come without a pooler. Where a head reads
// it, a fresh one is used, unless nobody would save it.
void report_pooler(const TrainOptions& options, const OpenedModel& opened, const LoadReport& report,
                   const MultiTaskModel& model) {
  const ParameterTable& table = model.arena().table();
  const auto starts_fresh = [&](const std::string& name) {
    // A trained folder's tasks bring their own.
    const bool is_pooler = opened.trained ? name == kPoolerWeight : name.ends_with(kPoolerWeight);
    return is_pooler && model.reads_pooler(table[table.find(name)].owner);
  };
  const auto fresh = std::ranges::find_if(report.missing, starts_fresh);
  if (fresh == report.missing.end()) return;
  const bool shared = *fresh == kPoolerWeight;
  if (shared && options.keep_tasks) {
    fail_usage("--task_pooler is missing: ", opened.source.path,
               " has no pooler (pooler.dense), which the head of the new task reads");
  }
  const std::string found =
      concat(opened.files.weights, ": no pooler (pooler.dense): a fresh one ");
  if (shared && frozen_part(options) != Frozen::kNothing) {
    log_warning(found, "is used, and ", options.freeze_all ? "--freeze_all" : "--freeze",
                " leaves it untrained; with --task_pooler each task trains one");
  } else {
    log_info(found, "is trained");
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
  const ModelDescription &description = setup.description, &saved = opened.description;
  std::vector<std::string> loaded, fresh;
  for (size_t i = 0; i < description.tasks.size(); ++i) {
    const std::string& name = description.tasks[i].name;
    const auto found = std::ranges::find(saved.tasks, name, &Task::name);
    if (found == saved.tasks.end()) continue;
    if (saved.adapters[static_cast<size_t>(found - saved.tasks.begin())] !=
        description.adapters[i]) {
      fresh.push_back(name);
      continue;
    }
    const std::vector<int64_t> order =
        match_task(*found, description.tasks[i], folder,
                   "; give the same, or --multi for fresh task-specific parts");
    const std::string path = find_adapter_files(folder, name).weights;
    const TensorFile file = load_tensor_file(path);
    opened.identity.check_task_weights(static_cast<size_t>(found - saved.tasks.begin()), file);
    load_task_weights(*setup.model, static_cast<int>(i), file, path);
    order_outputs(*setup.model, static_cast<int>(i), description.tasks[i], order);
    loaded.push_back(name);
  }
  setup.model->arena().refresh_shadow();
  if (!loaded.empty()) log_info("task-specific parts loaded for ", join(loaded, ", "));
  if (!fresh.empty()) {
    log_info("the task-specific parts in ", folder, " are others: ", join(fresh, ", "),
             fresh.size() == 1 ? " starts" : " start", " with fresh ones");
  }
}

// The task of --kind and its flags.
Task single_task(const TrainOptions& options) {
  Task task = make_single_task(*options.kind, options.task_name, options.train_file,
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
  if (options.kind) return {single_task(options)};
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
  for (Task& task : description.tasks) {
    if (options.class_weights == ClassWeights::kNone || !kind_of(task).has_labels()) continue;
    task.loss.balanced = task.loss.class_weights.empty();
  }
  balance_classes(description.tasks, options.data_dir);
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
  AdapterChoice adapters = choose_adapters(options, opened, description.tasks);
  description.adapters = std::move(adapters.tasks);
  setup.common_adapter = std::move(adapters.common);
  for (Task& task : description.tasks) task.adapter.clear();  // its place is the task's folder
  check_token_types(description, sources.config);
  check_length(options.max_seq_length, description.bert, "--max_seq_length", sources.config);
  setup.tokenizer = std::make_unique<Tokenizer>(open_tokenizer(opened));
  setup.model = std::make_unique<MultiTaskModel>(
      description.bert, description.adapters, head_specs(description.tasks),
      choose_training_precision(options.precision, device), frozen_part(options), device);
  setup.model->set_recording(!options.no_graphs);
  setup.model->set_recompute(options.recompute);
  if (options.ema > 0.0) setup.model->arena().keep_average();
  const double range = description.bert.initializer_range;
  if (sources.weights.empty()) {
    log_warning("no --init_checkpoint: training from random weights");
    setup.model->arena().initialize(range, options.seed);
  } else {
    TensorFile file = load_tensor_file(sources.weights);
    const std::string hash = check_shared_weights(opened, file);
    if (options.keep_tasks) {
      if (lies_in(sources.folder, options.output_dir)) {
        fail_usage("--output_dir ", options.output_dir, " holds the model ", sources.folder,
                   ", which stays as it is; choose another folder");
      }
      refuse_output_in(sources.folder, options.output_dir, "--output_dir");
      setup.kept = keep_model(opened, description, *setup.tokenizer, hash);
    }
    const LoadReport report = load_checkpoint(options, file, sources.weights, *setup.model);
    report_unused(report.unused, sources.weights);
    report_pooler(options, opened, report, *setup.model);
    setup.model->arena().initialize(range, options.seed, report.missing);
    if (scope_of(options, file) == LoadScope::kAll) order_foreign_outputs(opened, setup);
    load_folder_tasks(options, opened, setup);
  }
  return setup;
}

std::string describe_model(const MultiTaskModel& model, int ranks) {
  const ParameterTable& table = model.arena().table();
  int64_t task_parameters = 0;
  std::vector<AdapterConfig> adapters;
  for (int task = 0; task < model.num_tasks(); ++task) {
    task_parameters += table.count(task);
    adapters.push_back(model.adapter_config(task));
  }
  const auto millions = [](int64_t n) { return format_double(static_cast<double>(n) / 1e6, 2); };
  const std::string place = model.device().is_cpu()
                                ? concat(counted(at::get_num_threads(), "thread"), ", ", cpu_isa())
                                : device_name(model.device());
  return concat("model: ", millions(table.count(kSharedOwner)), " M shared parameters, ",
                millions(task_parameters), " M in ",
                counted(static_cast<int64_t>(model.num_tasks()), "task"), ", adapter ",
                adapter_kinds_text(adapters), ", ", precision_name(model.precision()), ", ", place,
                ranks == 1 ? "" : concat(", ", ranks, " ranks"));
}

TrainOptions resolved_options(TrainOptions options, const RunSetup& setup) {
  const ModelDescription& description = setup.description;
  options.tasks = join(task_names(description.tasks), ",");
  options.sample = sampling_of(options, description.tasks);
  const SamplingOdds odds = odds_of(options, description.tasks.size());
  if (options.sample == Sampling::kTemperature || options.sample == Sampling::kAuto) {
    options.sample_alpha = odds.alpha;
  }
  std::vector<TeacherFlag> teachers = teachers_of(options);
  std::ranges::stable_sort(teachers, {}, [&](const TeacherFlag& teacher) {
    return std::ranges::find(description.tasks, teacher.task, &Task::name);
  });
  options.teachers.clear();
  for (const TeacherFlag& teacher : teachers) {
    options.teachers.push_back(concat(teacher.task, "=", teacher.folder));
  }
  options.task_id.reset();
  if (setup.common_adapter) {
    const AdapterConfig& adapter = *setup.common_adapter;
    options.adapter = adapter.kind;
    (adapter.targets.empty() ? options.adapter_size : options.rank) = adapter.size;
    options.alpha = adapter.alpha;
    options.targets = join(adapter.targets, ",");
    options.task_pooler = adapter.task_pooler;
  }
  options.do_lower_case = setup.tokenizer->do_lower_case();
  options.special_tokens_in_text.reset();  // so that it is not written unless it is on
  if (setup.tokenizer->settings().special_tokens_in_text) options.special_tokens_in_text = true;
  options.precision = choice_of(setup.model->precision());
  options.threads = at::get_num_threads();
  return options;
}

}  // namespace pals
