#include <algorithm>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/same_task.h"
#include "catalog/task_file.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "data/feature_cache.h"
#include "dist/world.h"
#include "kinds/kind.h"
#include "model/open.h"
#include "model/weights.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
#include "predict/find_task.h"
#include "report/details.h"
#include "settings/use_options.h"
#include "train/data_parallel.h"
#include "train/evaluator.h"
#include "train/setup.h"

namespace pals {
namespace {

// With --task_file, tasks are as it describes them; outputs of their heads follow its labels.
void take_task_file(LoadedModel& loaded, const std::string& task_file) {
  if (task_file.empty()) return;
  std::vector<Task>& tasks = loaded.description.tasks;
  for (const Task& own : read_task_file(task_file)) {
    const int place = find_task(tasks, own.name, task_file);
    Task& task = tasks[static_cast<size_t>(place)];
    order_outputs(*loaded.model, place, own,
                  match_task(task, own, task_file, "; name another task, or mend it"));
    task = kind_of(own).settled(own, task);
  }
  loaded.model->arena().refresh_shadow();
}

/// Whether each task was asked for.
std::vector<bool> asked_tasks(const std::vector<Task>& tasks, const EvalOptions& options) {
  std::vector<bool> asked(tasks.size(), options.tasks.empty());
  if (options.tasks.empty()) return asked;
  for (const int place : find_tasks(tasks, options.tasks, "--tasks")) {
    asked[static_cast<size_t>(place)] = true;
  }
  return asked;
}

std::vector<AnalysedTask> analyse_all(const Evaluation& evaluation, const EvalOptions& options) {
  std::vector<AnalysedTask> analysed;
  for (const TaskPredictions& predictions : evaluation.predictions) {
    const auto task = std::ranges::find(evaluation.tasks, predictions.head.task, &Task::name);
    analysed.push_back({&predictions, &*task, analyse(predictions, &*task, options.per_class)});
  }
  return analysed;
}

void write_errors(const std::vector<AnalysedTask>& analysed, const EvalOptions& options) {
  std::vector<std::unique_ptr<RowTexts>> texts;
  const std::string lines = error_lines(analysed, [&](const AnalysedTask& task) {
    const auto unknown = [](const std::string& /*split*/) { return std::string(); };
    texts.push_back(std::make_unique<RowTexts>(*task.task, options.data_dir, unknown));
    return texts.back().get();
  });
  write_file_atomically(options.errors, lines);
  for (const auto& own : texts) {
    for (const std::string& problem : own->problems()) log_warning(problem);
  }
}

void print_scores(const Evaluation& evaluation, const std::vector<AnalysedTask>& analysed,
                  const EvalOptions& options) {
  if (!options.json) {
    std::cout << scores_table(evaluation.scores);
    if (!options.per_class) return;
    for (const AnalysedTask& task : analysed) std::cout << "\n" << details_table(task.analysis);
    return;
  }
  OrderedJson json = scores_to_json(evaluation.scores);
  if (options.per_class) {
    for (const AnalysedTask& task : analysed) {
      json["tasks"][task.analysis.task].update(details_json(task.analysis));
    }
  }
  std::cout << json_text(json);
}

void run_eval(const EvalOptions& options, const World& world) {
  set_threads(options.threads, world);
  const at::Device device = world.device();
  report_device(device);
  LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  take_task_file(loaded, options.task_file);
  for (Task& task : loaded.description.tasks) task = kind_of(task).settled(task, task);
  const std::vector<Task>& tasks = loaded.description.tasks;
  const std::vector<bool> asked = asked_tasks(tasks, options);
  const std::string cache = feature_cache_dir(options.cache_dir);
  std::vector<EvaluationSet> sets;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!asked[i]) continue;
    for (const DataFile* file : files_of(tasks[i], "dev")) {
      sets.push_back({static_cast<int>(i), file->split,
                      load_features(tasks[i], *file, options.data_dir, *loaded.tokenizer,
                                    loaded.description.max_seq_length, cache, options.threads)});
    }
  }
  if (sets.empty()) fail(options.model, ": none of its tasks has a dev file");
  const Evaluation evaluation = evaluate(*loaded.model, loaded.description, *loaded.tokenizer, sets,
                                         options.eval_batch_size, world);
  if (!world.first()) return;
  if (!options.output_dir.empty()) {
    make_directories(options.output_dir);
    write_answers(options.output_dir, tasks, evaluation.answers);
  }
  std::vector<AnalysedTask> analysed;
  if (options.per_class || !options.errors.empty()) analysed = analyse_all(evaluation, options);
  if (!options.errors.empty()) write_errors(analysed, options);
  print_scores(evaluation, analysed, options);
}

}  // namespace

Command add_eval_command(CLI::App& program) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* app =
      program.add_subcommand("eval", "score a saved model on the dev sets of its tasks");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals eval --model runs/three/best --data_dir glue\n"
      "  pals eval --model runs/three/best --data_dir glue --tasks rte --per_class \\\n"
      "      --errors errors.jsonl");
  return {app,
          [options](const std::stop_token& stop) {
            const Launch launch = read_launch();
            run_in_world(
                launch, stop, [&] { return choose_device(options->device, local_rank(launch)); },
                [&](const World& world) { run_eval(*options, world); });
            return 0;
          },
          list};
}

}  // namespace pals
