#include "convert/source.h"

#include <algorithm>
#include <utility>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "catalog/single_task.h"
#include "catalog/task_file.h"
#include "checkpoint/load_tensor_file.h"
#include "checkpoint/name_map.h"
#include "checkpoint/safetensors.h"
#include "convert/foreign_source.h"
#include "foreign/foreign_folder.h"
#include "kinds/kind.h"
#include "model/label_order.h"
#include "model/open.h"
#include "model/weights.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

// Whether a name is that of the head of one of the reference's single-task classes.
bool is_single_head(std::string_view file_name) {
  const std::string name = without_wrappers(file_name);
  for (const std::string_view head : {"classifier.", "qa_outputs."}) {
    if (!name.starts_with(head) || name.size() == head.size()) continue;
    const char next = name[head.size()];  // a digit: of the multi-task class
    return next < '0' || next > '9';
  }
  return false;
}

// Takes the tensors of a file over under other names, together with the file.
void add_renamed(TensorFile& to, const std::string& path, const std::string& prefix) {
  MappedFile mapping(path);
  const TensorFile part = parse_safetensors(mapping.bytes(), path);
  for (TensorEntry entry : part.tensors()) {
    entry.name.insert(0, prefix);
    to.add(std::move(entry), path);
  }
  to.keep(std::move(mapping));
}

// A folder that `pals train` or this program wrote: shared weights and adapters under our names.
void read_own_weights(const ConvertOptions& options, const OpenedModel& opened,
                      ConvertSource& source) {
  if (!options.tasks.empty() || !options.task_file.empty() || options.kind) {
    fail_usage("--tasks, --task_file and --kind: the tasks are those of ", options.from,
               "/tasks.json");
  }
  source.format = "model folder";
  add_renamed(source.file, options.from + kWeightsFile, "");
  for (size_t i = 0; i < source.description.tasks.size(); ++i) {
    const std::string path =
        find_adapter_files(options.from, source.description.tasks[i].name).weights;
    opened.identity.check_task_weights(i, read_safetensors(path));
    add_renamed(source.file, path, task_prefix(static_cast<int>(i)));
  }
  source.single_head =
      source.description.tasks.size() == 1 && source.description.adapters[0].kind == "none";
}

void read_weights(const CheckpointSources& sources, ConvertSource& source) {
  {
    const MappedFile mapping(sources.weights);
    source.format = format_name(tensor_format(mapping.bytes()));
  }
  source.file = load_tensor_file(sources.weights);
  source.single_head = std::ranges::any_of(
      source.file.tensors(), [](const TensorEntry& entry) { return is_single_head(entry.name); });
}

// The first kind whose head has a weight of that name; without a pooler, only those that read
// tokens.
std::optional<TaskKind> kind_of_head(std::string_view tensor, bool has_pooler) {
  for (const std::string& name : kind_names()) {
    const TaskKind kind = *kind_from_name(name);
    const HeadTraits head = kind_of(kind).head();
    if (!has_pooler && !head.reads_tokens) continue;
    if (tensor.ends_with(concat(".", head.name, ".weight"))) return kind;
  }
  return std::nullopt;
}

// The heads that a file holds: one for each task, their outputs by the classifiers' shapes.
std::vector<HeadSpec> heads_in(const TensorFile& file, const std::string& where) {
  std::vector<HeadSpec> heads;
  std::vector<bool> found;
  const bool has_pooler = std::ranges::any_of(file.tensors(), [](const TensorEntry& entry) {
    return canonical_name(entry.name).find("pooler.") != std::string::npos;
  });
  for (const TensorEntry& entry : file.tensors()) {
    const std::string name = canonical_name(entry.name);
    if (!name.starts_with("tasks.")) continue;
    const std::string_view rest = std::string_view(name).substr(6);
    const std::optional<int64_t> task = parse_int(rest.substr(0, rest.find('.')));
    // Each task has tensors of its own, so that a number beyond them all is nonsense.
    if (!task || *task < 0 || *task >= static_cast<int64_t>(file.tensors().size())) {
      fail(where, ": tensor ", quote(entry.name), " belongs to no task that the file could hold");
    }
    const auto index = static_cast<size_t>(*task);
    if (index >= heads.size()) {
      heads.resize(index + 1);
      found.resize(index + 1, false);
    }
    const std::optional<TaskKind> kind = kind_of_head(rest, has_pooler);
    if (kind && entry.shape.size() == 2) {
      heads[index] = {*kind, entry.shape[0]};
      found[index] = true;
    }
  }
  std::vector<std::string> missing;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) missing.push_back(concat("classifier.", i, ".weight"));
  }
  if (!missing.empty()) fail(where, ": missing tensors: ", list_names(missing));
  return heads;
}

// The tasks that flags name, by whichever of them; none if there is none.
std::vector<Task> tasks_of_flags(const ConvertOptions& options) {
  const bool by_name = !options.tasks.empty() || !options.task_file.empty();
  if (!options.kind) {
    if (options.version_2_with_negative) fail_usage("--version_2_with_negative is for --kind span");
    if (!by_name) return {};
    std::vector<Task> own;
    if (!options.task_file.empty()) own = read_task_file(options.task_file, DataFiles::kIdle);
    return select_tasks(options.tasks, {}, own);
  }
  if (by_name) fail_usage("--kind makes no sense beside --tasks and --task_file");
  SpanOptions span;
  span.unanswerable = options.version_2_with_negative;
  return {make_task_of_kind(*options.kind, span)};
}

// Why a task cannot have a head; empty if it can.
std::string head_problem(const Task& task, const HeadSpec& head) {
  const HeadTraits found = kind_of(head.kind).head();
  if (kind_of(task).head().name != std::string_view(found.name)) {
    return concat("is of the kind ", kind_name(task.kind), ", the head is ", found.described);
  }
  if (found.reads_tokens && !kind_of(task).head().reads_tokens) {
    return concat("is of the kind ", kind_name(task.kind),
                  ", whose head reads a pooler's outputs; ", "there is no pooler");
  }
  if (num_outputs(task) == head.num_outputs) return {};
  return concat("has ", counted(num_outputs(task), "output"), ", the head ", head.num_outputs);
}

// The tasks that flags name for a file's heads, which they must fit.
std::vector<Task> named_tasks(const ConvertOptions& options, const std::vector<HeadSpec>& heads) {
  std::vector<Task> tasks = tasks_of_flags(options);
  if (tasks.empty()) return {};
  if (tasks.size() != heads.size()) {
    fail_usage(options.kind ? "--kind: " : "--tasks: ", counted(std::ssize(tasks), "task"),
               ", but ", options.from, " holds the heads of ", heads.size());
  }
  std::vector<std::string> problems;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const std::string problem = head_problem(tasks[i], heads[i]);
    if (problem.empty()) continue;
    problems.push_back(concat("task ", i, " (", tasks[i].name, ") ", problem));
  }
  if (!problems.empty()) {
    fail_usage("--tasks do not fit the heads of ", options.from, ": ", list_names(problems));
  }
  return tasks;
}

// Tensors that no parameter takes: those that are left out on purpose, and the others.
void sort_unused(const ConvertOptions& options, const std::vector<std::string>& unused,
                 const std::string& where, ConvertSource& source) {
  std::vector<std::string> unexpected;
  for (const std::string& name : unused) {
    const bool task_part = canonical_name(name).starts_with("tasks.");
    const bool wanted = !is_left_out(name) && !(options.encoder_only && task_part);
    if (wanted && !options.drop_unexpected) {
      const TensorEntry* entry = source.file.find(name);
      unexpected.push_back(name + " " + shape_text(entry->shape));
    } else {
      source.left_out.push_back(name);
    }
  }
  if (unexpected.empty()) return;
  fail(where, ": unexpected tensors, for which the configuration (adapter ",
       adapter_kinds_text(source.description.adapters), ") has no place: ", list_names(unexpected),
       "; give the configuration they belong to, or leave them out with --drop_unexpected");
}

}  // namespace

void order_outputs(const std::vector<int64_t>& order, ConvertSource& source) {
  for (TensorEntry& row : source.rows) {
    if (order.empty() || !row.name.starts_with("tasks.0.classifier.")) continue;
    const std::span<std::byte> owned = source.file.allocate(row.bytes.size());
    const size_t size = row.bytes.size() / order.size();
    for (size_t label = 0; label < order.size(); ++label) {
      const auto output = static_cast<size_t>(order[label]);
      std::ranges::copy(row.bytes.subspan(output * size, size),
                        owned.begin() + static_cast<std::ptrdiff_t>(label * size));
    }
    row.bytes = owned;
  }
}

ConvertSource read_convert_source(const ConvertOptions& options) {
  if (const std::optional<Package> package = package_of(options.from)) {
    return read_foreign_source(options, *package);
  }
  const OpenedModel opened = open_model(
      {.path = options.from,
       .bert_config_file = options.bert_config_file,
       .vocab_file = options.vocab_file,
       .do_lower_case = options.do_lower_case,
       .special_tokens_in_text = options.special_tokens_in_text,
       .flag = "FROM",
       .on_difference = options.accept_changes ? OnDifference::kAccept : OnDifference::kRefuse});
  const CheckpointSources& sources = opened.files;
  ConvertSource source;
  source.description = opened.description;
  std::vector<HeadSpec> heads;
  std::vector<int64_t> order;
  if (opened.trained) {
    read_own_weights(options, opened, source);
    heads = head_specs(source.description.tasks);
  } else {
    read_weights(sources, source);
    const AdapterConfig adapter =
        resolve_adapter(read_adapter_config(read_json(sources.config), sources.config),
                        source.description.bert, sources.config);
    heads = heads_in(source.file, sources.weights);
    source.description.adapters.assign(heads.size(), adapter);
    if (!options.encoder_only) source.description.tasks = named_tasks(options, heads);
    if (!source.description.tasks.empty()) heads = head_specs(source.description.tasks);
    if (source.description.tasks.size() == 1) {
      order = output_order(read_json(sources.config), source.description.tasks[0], sources.config);
    }
  }
  if (options.encoder_only) {
    heads.clear();
    source.description.tasks.clear();
  }
  source.num_tasks = static_cast<int>(heads.size());
  if (heads.empty()) source.description.adapters.clear();
  if (sources.tokenizer.has_vocabulary()) source.tokenizer = open_tokenizer(opened);

  source.model = std::make_unique<MultiTaskModel>(source.description.bert,
                                                  source.description.adapters, heads, at::kFloat);
  const LoadScope scope = heads.empty() ? LoadScope::kShared : LoadScope::kAll;
  const std::string& where = opened.trained ? options.from : sources.weights;
  const WeightPlan plan = plan_weights(*source.model, source.file, scope, where);
  sort_unused(options, plan.report.unused, where, source);
  source.missing = plan.report.missing;
  source.rows = filled_rows(source.model->arena().table(), plan, source.file);
  order_outputs(order, source);
  if (opened.trained) {
    opened.identity.check_shared_weights(shared_weights_hash(source.tensors()));
  }
  return source;
}

}  // namespace pals
