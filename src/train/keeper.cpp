#include "train/keeper.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "runlog/fields.h"
#include "train/check_options.h"
#include "train/identity.h"
#include "train/loop.h"

namespace pals {
namespace {

constexpr int64_t kKeptCheckpoints = 2;  // while a run goes on, unless it says otherwise

int task_number(const std::vector<Task>& tasks, const std::string& name) {
  const auto found = std::ranges::find(tasks, name, &Task::name);
  return found == tasks.end() ? -1 : static_cast<int>(found - tasks.begin());
}

constexpr const char* kTunedTasks = "tuned_tasks";
constexpr const char* kEvaluationIsDue = "evaluation_is_due";

// The tasks that an evaluation tuned; nothing if a state has none.
std::optional<std::vector<Task>> tuned_tasks(const Json& state, const std::string& where) {
  if (!state.contains(kTunedTasks)) return std::nullopt;
  if (!state[kTunedTasks].is_array()) fail(where, ": ", quote(kTunedTasks), " is not a list");
  std::vector<Task> tasks;
  for (const Json& task : state[kTunedTasks]) tasks.push_back(task_from_json(task, where));
  return tasks;
}

// Throws Error for a state that a run of so many steps and tasks cannot go on from.
void check_state(const Json& state, int64_t total_steps, size_t num_tasks,
                 const std::string& where) {
  const int64_t step = count_field(state, "step", where);
  if (step > total_steps) fail(where, ": step ", step, " of ", total_steps);
  const Json& rows = field_of(state, "rows", where);
  const bool counts =
      rows.is_array() && rows.size() == num_tasks &&
      std::ranges::all_of(rows, [](const Json& n) { return n.is_number_unsigned(); });
  if (!counts) fail(where, ": \"rows\" are not the numbers of rows of ", num_tasks, " tasks");
  const std::optional<std::vector<Task>> tuned = tuned_tasks(state, where);
  if (tuned && tuned->size() != num_tasks) {
    fail(where, ": ", tuned->size(), " tuned tasks of ", num_tasks);
  }
  RunResults().restore(state, where);
}

}  // namespace

void Keeper::open(const Json& identity) {
  if (!world_.first()) return;
  // What has not begun may still be mended.
  const bool goes_on =
      !identity.is_null() && !options_.overwrite_output_dir && has_progress(options_.output_dir);
  if (goes_on) newest_ = newest_checkpoint(options_.output_dir + kCheckpointsName);
  const Json state = newest_ ? newest_->state : Json();
  length_ = length_of(state);
  check_run_folder(options_, length_);
  if (goes_on) {
    check_identity(options_.output_dir, state, identity, lengthens(options_, length_));
  }
  lock_ = open_run_folder(options_);
  identity_ = identity;
  if (identity_.is_null()) return;
  write_file_atomically(options_.output_dir + kIdentityName, json_text(identity_));
}

int64_t Keeper::steps_per_epoch() const {
  const std::string steps = world_.broadcast(length_ ? concat(length_->steps_per_epoch) : "");
  return parse_int(steps).value_or(0);
}

std::optional<Json> Keeper::restore(int64_t total_steps) {
  if (!world_.first()) return std::nullopt;
  checkpoints_.emplace(options_.output_dir + kCheckpointsName,
                       options_.keep_checkpoints.value_or(kKeptCheckpoints));
  const size_t num_tasks = setup_.description.tasks.size();
  const auto check = [&](const Json& state, const std::string& where) {
    check_state(state, total_steps, num_tasks, where);
  };
  return checkpoints_->restore(setup_.model->arena(), check, std::exchange(newest_, {}));
}

void Keeper::begin(int64_t step, int64_t total_steps, const std::optional<Json>& state) {
  if (state) {
    results_.restore(*state, "the checkpoint");
    if (auto tasks = tuned_tasks(*state, "the checkpoint")) tasks_ = std::move(*tasks);
    restore_best(step, total_steps);
  }
  if (!world_.first()) return;
  // A run that goes on has no results yet; one that was over keeps what is known of it.
  has_old_results_ = step < total_steps && file_exists(options_.output_dir + kResultsName);
  if (has_old_results_) write_results(false);
  log_.emplace(options_.output_dir + kMetricsName, step, state && evaluation_is_due(*state));
  loss_watch_ = LossWatch(log_->first_losses());
  if (options_.report_to != ReportTo::kTensorboard || step == total_steps) return;
  board_.emplace(options_.output_dir + kTensorboardName, step);
}

// All ranks decide alike: by what rank 0 finds missing.
void Keeper::restore_best(int64_t step, int64_t total_steps) {
  const auto gone = [&](const std::string& name) {
    const bool missing = world_.first() && !directory_exists(options_.output_dir + "/" + name);
    return world_.broadcast(missing ? "gone" : "") == "gone";
  };
  const std::optional<int64_t> best = results_.best_step();
  if (best && gone("best") && !replace_missing("best", *best, step, total_steps, -1)) {
    results_.forget_best();
  }
  std::vector<std::string> forgotten;
  for (const auto& [task, record] : results_.best_tasks()) {
    const std::string name = "best_tasks/" + task;
    if (!gone(name)) continue;
    const int number = task_number(setup_.description.tasks, task);
    if (!replace_missing(name, record.step, step, total_steps, number)) forgotten.push_back(task);
  }
  for (const std::string& task : forgotten) results_.forget_task(task);
}

// Whether its scores still stand for something.
bool Keeper::replace_missing(const std::string& name, int64_t saved, int64_t step,
                             int64_t total_steps, int only_task) const {
  const std::string path = options_.output_dir + "/" + name;
  if (saved == step) {
    log_warning(path, " is missing; it is written again");
    if (world_.first() && only_task >= 0) make_directories(options_.output_dir + "/best_tasks");
    save_folder(path, only_task);
    return true;
  }
  const bool over = step == total_steps;
  log_warning(path, ", the model after step ", saved, ", is missing and cannot be made again; ",
              over ? "its scores stay in eval_results.json"
                   : "the best of the evaluations to come takes its place");
  return over;
}

void Keeper::log(const StepRecord& record) {
  write(record);
  if (!world_.first()) return;
  const std::string warning = loss_watch_.see(record);
  if (!warning.empty()) log_warning(warning);
}

void Keeper::save_folder(const std::string& path, int only_task,
                         const std::string& share_with) const {
  if (!world_.first()) return;
  ModelDescription description = setup_.description;
  description.tasks = tasks_;
  if (setup_.kept) {  // with all tasks, whichever of them this one is the best of
    save_added_tasks(path, *setup_.kept, *setup_.model, description, *setup_.tokenizer);
    return;
  }
  save_model_folder(path, *setup_.model, description, *setup_.tokenizer, only_task, share_with);
}

// Of the best model by average, beside it.
void Keeper::save_answers(const Evaluation& evaluation) const {
  if (!world_.first()) return;
  write_answers(options_.output_dir, setup_.description.tasks, evaluation.answers);
}

void Keeper::save_predictions(const char* folder, int64_t step,
                              const Evaluation& evaluation) const {
  if (!world_.first()) return;
  const std::string path = options_.output_dir + kDevPredictionsName + folder;
  make_directories(path);
  for (TaskPredictions predictions : evaluation.predictions) {
    predictions.head.step = step;
    write_predictions(path + predictions.head.task + ".jsonl", predictions);
  }
}

void Keeper::keep_evaluation(const Evaluation& evaluation) {
  results_.add(evaluation.scores);
  tasks_ = evaluation.tasks;
  results_.keep_average(0, evaluation.scores);
  save_answers(evaluation);
  save_predictions("/", 0, evaluation);
  save_predictions("/last/", 0, evaluation);
}

EvaluationRecord Keeper::keep_evaluation(int64_t step, int64_t epoch, int64_t num_epochs,
                                         const Evaluation& evaluation) {
  const std::vector<TaskScores>& scores = evaluation.scores;
  for (const TaskScores& task : scores) {
    if (!std::isfinite(task.loss)) fail_not_finite("after step", step, task.task);
  }
  results_.add(scores);
  tasks_ = evaluation.tasks;
  const EvaluationRecord record{.after_step = step, .epoch = epoch, .scores = results_.last()};
  write(record);
  log_info(concat("epoch ", epoch, " of ", num_epochs, ", after step ", step, ":\n",
                  scores_table(scores)));
  save_predictions("/last/", step, evaluation);
  std::string written;
  if (results_.keep_average(step, scores)) {
    save_answers(evaluation);
    save_predictions("/", step, evaluation);
    written = options_.output_dir + "/best";
    save_folder(written);
  }
  if (options_.save_best_tasks && scores.size() > 1) {
    save_best_tasks(step, scores, std::move(written));
  }
  if (has_old_results_) write_results(false);
  return record;
}

// `written`: a folder that holds the same shared weights already, if any.
void Keeper::save_best_tasks(int64_t step, const std::vector<TaskScores>& scores,
                             std::string written) {
  for (const TaskScores& task : scores) {
    if (!results_.keep_task(step, task)) continue;
    const std::string folder = options_.output_dir + "/best_tasks";
    if (world_.first()) make_directories(folder);
    const std::string path = folder + "/" + task.task;
    save_folder(path, task_number(setup_.description.tasks, task.task), written);
    if (written.empty()) written = path;
  }
}

bool Keeper::evaluation_is_due(const Json& state) { return state.contains(kEvaluationIsDue); }

void Keeper::save_checkpoint(DataParallel& parallel, const RunLength& length,
                             const std::vector<int64_t>& examples, bool evaluation_is_due,
                             const Json& sampling) {
  parallel.gather_state();
  if (checkpoints_) {
    Json state = {{"rows", examples}, {"identity", identity_}};
    save_length(length, state);
    results_.save(state);
    if (tasks_ != setup_.description.tasks) {
      for (const Task& task : tasks_) state[kTunedTasks].push_back(task_to_json(task));
    }
    if (evaluation_is_due) state[kEvaluationIsDue] = true;
    if (!sampling.is_null()) state["sampling"] = sampling;
    const Json scaler = parallel.scaler_state();
    if (!scaler.is_null()) state["loss_scaling"] = scaler;
    checkpoints_->save(setup_.model->arena(), length.step, state);
  }
  parallel.release_state();
}

void Keeper::write_results(bool finished) const {
  if (!world_.first()) return;
  ResultsRecord record = results_.record();
  record.finished = finished;
  write_file_atomically(options_.output_dir + kResultsName, json_text(to_json(record)));
}

ResultsRecord Keeper::finish() {
  write_results(true);
  if (checkpoints_ && !options_.keep_checkpoints) checkpoints_->prune(1);
  return results_.record();
}

}  // namespace pals
