#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/host.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "kernels/device.h"
#include "kernels/operations.h"
#include "kernels/threads.h"
#include "measure/bench.h"
#include "measure/bench_report.h"
#include "model/open.h"
#include "modules/precision_choice.h"
#include "settings/tool_options.h"
#include "train/choose_adapters.h"
#include "train/setup.h"

namespace pals {
namespace {

constexpr int64_t kQuickBatches = 3;
constexpr int kQuickRounds = 1;

/// The model that is measured and what came with it.
struct Chosen {
  OpenedModel opened;  ///< BERT-base's sizes if no model is named
  std::string name;

  const BertConfig& bert() const { return opened.description.bert; }
};

Chosen choose_model(const BenchFlags& flags) {
  Chosen chosen;
  if (flags.model.empty()) {
    chosen.name = "BERT-base (random weights)";
    chosen.opened.files = find_checkpoint_sources("", "", flags.vocab_file, "--model");
    return chosen;
  }
  if (!directory_exists(flags.model)) fail("--model: no folder ", flags.model);
  chosen.name = flags.model;
  chosen.opened =
      open_model({.path = flags.model, .vocab_file = flags.vocab_file, .needs_weights = false});
  return chosen;
}

/// The adapter of a task: that of the task file; else its own in a model folder, that of the
/// folder's first task for others, and the flags on top.
AdapterConfig choose_adapter(const BenchFlags& flags, const Chosen& chosen, const Task& task) {
  if (!flags.task_file.empty() && !task.adapter.empty()) return own_adapter(task, chosen.bert());
  AdapterConfig adapter;
  adapter.kind = "pals";
  const ModelDescription& description = chosen.opened.description;
  if (chosen.opened.trained) {
    const auto own = std::ranges::find(description.tasks, task.name, &Task::name);
    const bool known = own != description.tasks.end();
    adapter =
        description.adapters[known ? static_cast<size_t>(own - description.tasks.begin()) : 0];
  }
  if (!flags.adapter.empty() && flags.adapter != adapter.kind) {
    adapter = {};
    adapter.kind = flags.adapter;
  }
  adapter = with_settings(std::move(adapter), flags);
  return resolve_adapter(adapter, chosen.bert(), "--adapter " + adapter.kind);
}

int choose_length(const BenchFlags& flags, const Chosen& chosen) {
  check_length(flags.max_seq_length.value_or(0), chosen.bert(), "--max_seq_length", chosen.name);
  check_length(flags.row_length.value_or(0), chosen.bert(), "--row_length", chosen.name);
  const int64_t usual = std::min<int64_t>(chosen.opened.description.max_seq_length,
                                          chosen.bert().max_position_embeddings);
  return flags.max_seq_length.value_or(static_cast<int>(usual));
}

BenchOptions choose_run(const BenchFlags& flags) {
  BenchOptions run;
  run.batch_size = flags.batch_size;
  run.batches = flags.batches.value_or(flags.quick ? kQuickBatches : run.batches);
  run.rounds = flags.rounds.value_or(flags.quick ? kQuickRounds : run.rounds);
  return run;
}

/// Real rows if a data folder or a task file is named.
std::vector<TaskRows> choose_rows(const BenchFlags& flags, const Chosen& chosen) {
  RowLimits limits;
  limits.max_seq_length = choose_length(flags, chosen);
  limits.row_length = flags.row_length.value_or(0);
  const BenchOptions run = choose_run(flags);
  limits.rows_per_task = std::max(limits.rows_per_task, run.batches * run.batch_size);
  TrainOptions selection;
  selection.tasks = flags.tasks;
  selection.task_file = flags.task_file;
  if (flags.data_dir.empty() && flags.task_file.empty()) {
    const std::vector<Task>& own = chosen.opened.description.tasks;
    const bool takes_own = flags.tasks.empty() && !own.empty();
    return generate_task_rows(takes_own ? own : choose_tasks(selection), chosen.bert().vocab_size,
                              limits);
  }
  if (flags.row_length) fail_usage("--row_length is of generated rows; leave out the data");
  return read_task_rows(choose_tasks(selection), flags.data_dir, open_tokenizer(chosen.opened),
                        limits, flags.threads);
}

/// A model without a second type of token is measured on the same rows.
void use_one_type(std::vector<TaskRows>& rows) {
  for (TaskRows& task : rows) {
    FeatureSet& features = task.features;
    for (int64_t row = 0; row < features.num_rows(); ++row) {
      features.first_lengths[static_cast<size_t>(row)] =
          static_cast<int32_t>(features.row_length(row));
    }
  }
}

std::vector<Precision> choose_precisions(const std::vector<PrecisionChoice>& choices,
                                         at::Device device) {
  std::vector<Precision> chosen;
  for (const PrecisionChoice choice : choices) {
    const Precision precision = choose_precision(choice, device);
    if (std::ranges::find(chosen, precision) == chosen.end()) chosen.push_back(precision);
  }
  return chosen;
}

at::Device choose_device(const BenchFlags& flags) {
  const at::Device device = pals::choose_device(flags.device);
  if (flags.profile && !device.is_cpu()) {
    fail_usage("--profile times blocks of work as the host waits for them: it needs --device cpu");
  }
  return device;
}

double tokens_per_row(const std::vector<BenchResult>& results, int64_t batch_size) {
  const BenchResult& first = results.front();
  return static_cast<double>(first.tokens) / static_cast<double>(first.batches * batch_size);
}

int run_bench_command(const BenchFlags& flags, const std::stop_token& stop) {
  use_threads(flags.threads);
  const at::Device device = choose_device(flags);
  const Chosen chosen = choose_model(flags);
  BenchWork work;
  work.model.device = device;
  work.model.bert = chosen.bert();
  BenchOptions options = choose_run(flags);
  options.precisions = choose_precisions(flags.precision, device);
  options.stop = stop;
  work.rows = choose_rows(flags, chosen);
  if (chosen.bert().type_vocab_size < 2) use_one_type(work.rows);
  work.model.heads = heads_of(work.rows);
  std::vector<Task> tasks;
  for (const TaskRows& rows : work.rows) tasks.push_back(rows.task);
  if (!flags.task_file.empty()) refuse_idle_flags(flags, tasks);
  for (const TaskRows& rows : work.rows) {
    work.model.adapters.push_back(choose_adapter(flags, chosen, rows.task));
  }

  const std::vector<BenchResult> results = run_bench(work, options);

  const bool real = !flags.data_dir.empty() || !flags.task_file.empty();
  const AdapterConfig& adapter = work.model.adapters.front();
  const double row_tokens = tokens_per_row(results, options.batch_size);
  if (!flags.json) {
    std::cout << chosen.name << ", adapter " << adapter_kinds_text(work.model.adapters);
    if (adapter.size > 0) std::cout << "(" << adapter.size << ")";
    std::cout << ", " << counted(std::ssize(work.rows), "task") << "\n"
              << (device.is_cpu() ? "" : device_name(device) + "\n") << cpu_name() << ", "
              << matrix_isa() << " (kernels: " << cpu_isa() << "), "
              << counted(at::get_num_threads(), "thread") << "\n"
              << (real ? "real" : "generated") << " rows of " << format_double(row_tokens, 1)
              << " tokens, " << options.batch_size << " a batch, "
              << counted(options.batches, "batch", "batches") << ", "
              << counted(options.rounds, "round") << "\n\n"
              << bench_table(results) << "\n";
    if (flags.profile) std::cout << profile_tables(results) << "\n";
  }
  const OrderedJson json = {{"model", chosen.name},
                            {"adapter", adapter_kinds_text(work.model.adapters)},
                            {"adapter_size", adapter.size},
                            {"tasks", work.rows.size()},
                            {"device", device_name(device)},
                            {"cpu", cpu_name()},
                            {"isa", matrix_isa()},
                            {"kernels", cpu_isa()},
                            {"threads", at::get_num_threads()},
                            {"rows", real ? "real" : "generated"},
                            {"tokens_per_row", row_tokens},
                            {"batch_size", options.batch_size},
                            {"batches", options.batches},
                            {"rounds", options.rounds},
                            {"results", bench_json(results, flags.profile)}};
  std::cout << json_text(json, -1) << "\n";
  return 0;
}

}  // namespace

Command add_bench_command(CLI::App& program) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* app = program.add_subcommand("bench", "how fast training and prediction are here");
  OptionList list = options_of(*flags);
  list.suggest("adapter", adapter_names());
  add_options(*app, list);
  app->footer(
      "Works take turns batch by batch, so that their ratios hold on a busy machine. The table's "
      "columns are explained in docs/performance.md.\n\nExamples:\n"
      "  pals bench --quick\n"
      "  pals bench --model runs/glue/best --precision auto --profile\n"
      "  pals bench --model minilm --adapter houlsby --data_dir glue --threads 2 --json");
  return {app, [flags](const std::stop_token& stop) { return run_bench_command(*flags, stop); },
          list};
}

}  // namespace pals
