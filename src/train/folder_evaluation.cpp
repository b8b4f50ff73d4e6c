#include "train/folder_evaluation.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/output_path.h"
#include "catalog/same_task.h"
#include "catalog/task_file.h"
#include "data/feature_cache.h"
#include "dist/launch.h"
#include "dist/world.h"
#include "kernels/device.h"
#include "kinds/kind.h"
#include "model/open.h"
#include "model/weights.h"
#include "modules/precision_choice.h"
#include "predict/find_tasks.h"
#include "tasks/task_selection.h"
#include "train/data_parallel.h"
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

// The development sets of the tasks that were asked for.
std::vector<EvaluationSet> dev_sets(const LoadedModel& loaded, const EvalOptions& options) {
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
  return sets;
}

Evaluation evaluate_as_rank(const EvalOptions& options, const World& world) {
  if (world.first() && !options.errors.empty()) require_writable_output(options.errors);
  set_threads(options.threads, world);
  const at::Device device = world.device();
  report_device(device);
  LoadedModel loaded =
      load_model_folder(options.model, choose_precision(options.precision, device), device);
  take_task_file(loaded, options.task_file);
  for (Task& task : loaded.description.tasks) task = kind_of(task).settled(task, task);
  const std::vector<EvaluationSet> sets = dev_sets(loaded, options);
  const bool writes = world.first() && !options.output_dir.empty();
  if (writes) make_directories(options.output_dir);
  Evaluation evaluation = evaluate(*loaded.model, loaded.description, *loaded.tokenizer, sets,
                                   options.eval_batch_size, world);
  if (writes) write_answers(options.output_dir, loaded.description.tasks, evaluation.answers);
  return evaluation;
}

}  // namespace

std::optional<Evaluation> evaluate_folder(const EvalOptions& options, const std::stop_token& stop) {
  const Launch launch = read_launch();
  std::optional<Evaluation> found;
  run_in_world(
      launch, stop, [&] { return choose_device(options.device, local_rank(launch)); },
      [&](const World& world) {
        Evaluation evaluation = evaluate_as_rank(options, world);
        if (world.first()) found = std::move(evaluation);
      });
  return found;
}

ScoresRecord scores_record(const Evaluation& evaluation) {
  return parse_scores(Json(scores_to_json(evaluation.scores)), "scores");
}

}  // namespace pals
