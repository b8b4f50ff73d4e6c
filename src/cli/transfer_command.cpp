#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
#include "cli/asked_runs.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "measure/run_plan.h"
#include "measure/task_gradients.h"
#include "report/transfer.h"
#include "runlog/file_names.h"
#include "runlog/finished_run.h"
#include "settings/transfer_options.h"
#include "train/setup.h"
#include "train/transfer_runs.h"

namespace pals {
namespace {

constexpr const char* kAskedName = "/transfer_config.json";
constexpr const char* kScoresName = "/transfer.json";
constexpr const char* kPageName = "/transfer.html";
constexpr double kMinute = 60.0;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

/// Rounded up: "34", "0.05".
std::string minutes_text(double seconds) {
  constexpr double kFew = 10.0, kHundred = 100.0;
  const double minutes = seconds / kMinute;
  if (minutes >= kFew) return format_double(std::ceil(minutes), 0);
  return format_double(std::ceil(kHundred * minutes) / kHundred, 2);
}

bool is_finished(const TransferRun& run) { return is_finished_run(run.options.output_dir); }

/// The share of its steps that a run which goes on has behind it.
double progress_of(const TransferRun& run) {
  if (!file_exists(run.options.output_dir + kMetricsName)) return 0.0;
  const int64_t steps = read_run(run.options.output_dir).history.steps;
  return std::min(1.0, static_cast<double>(steps) / static_cast<double>(run.steps));
}

/// Error if two runs, of other tasks perhaps, began with other content of what both have.
void check_same_content(const RunData& one, const RunData& other) {
  for (const char* part : {"tasks", "data"}) {
    const Json then = one.identity.value(part, Json::object());
    const Json now = other.identity.value(part, Json::object());
    for (const auto& [name, content] : now.items()) {
      if (!then.contains(name) || then[name] == content) continue;
      fail(other.folder, " began with another ", name, " than ", one.folder,
           "; remove the run that is out of date, or give another --output_dir");
    }
  }
}

/// One call of the command.
class TransferSession {
 public:
  TransferSession(const TransferOptions& options, const std::stop_token& stop)
      : options_(options), stop_(stop), tasks_(choose_tasks(options.train)) {
    check_transfer(options.train, tasks_);
    for (const Task& task : tasks_) names_.push_back(task.name);
  }

  /// Seed after seed until the budget or the seeds are used up; what there was to say at the end.
  std::string run() {
    check_asked(options_.output_dir, kAskedName, common_options(options_));
    learn_sizes();
    std::optional<AskedNote> note;
    for (int64_t i = 0; i < options_.max_seeds; ++i) {
      const uint64_t seed = options_.train.seed + static_cast<uint64_t>(i);
      const std::vector<TransferRun> runs =
          transfer_runs(options_.train, tasks_, examples_, seed, options_.output_dir);
      const double needed = seconds_left(seed, runs);
      const double left = std::max(0.0, budget() - seconds_since(began_));
      if (needed > 0.0 && needed > left) {
        if (i == 0) refuse(seed, needed, left, runs);
        return concat("Another seed takes about ", minutes_text(needed), " minutes, and ",
                      minutes_text(left), " of --budget_minutes ", *options_.budget_minutes,
                      " are left.");
      }
      if (i == 0) note.emplace(options_.output_dir, kAskedName, common_options(options_));
      if (needed > 0.0) {
        log_info("seed ", seed, ": ", tasks_.size(), " tasks together and each alone, about ",
                 minutes_text(needed), " minutes of the ", minutes_text(left), " that are left");
      }
      run_seed(seed, runs);
    }
    return concat("These are all seeds that --max_seeds ", options_.max_seeds, " asks for.");
  }

  Transfer result() const { return compare_transfer(names_, seeds_); }

 private:
  double budget() const { return kMinute * *options_.budget_minutes; }

  [[noreturn]] void refuse(uint64_t seed, double needed, double left,
                           const std::vector<TransferRun>& runs) const {
    fail_usage("--budget_minutes ", *options_.budget_minutes, ", of which ", minutes_text(left),
               " are left: seed ", seed, " still takes about ", minutes_text(needed),
               " minutes here (", counted(runs.front().steps, "step"),
               " of the tasks together, as many ",
               "alone); give more minutes, or fewer --max_steps or --num_train_epochs");
  }

  /// The tasks' training rows and the joint run's time: as the first joint run tells, if it is
  /// there, else by a few timed steps.
  void learn_sizes() {
    TrainOptions joint = options_.train;
    joint.nproc = 1;
    joint.output_dir = concat(options_.output_dir, "/joint-", joint.seed);
    check_options(joint);
    if (is_finished_run(joint.output_dir)) {
      const RunData run = read_run(joint.output_dir);
      for (const std::string& name : names_) {
        if (run.history.starts.empty()) break;
        const auto& examples = run.history.starts.back().examples;
        if (examples.contains(name)) examples_.push_back(examples.at(name));
      }
      if (examples_.size() == names_.size()) return;
      examples_.clear();
    }
    log_info("timing a few steps");
    const RunForecast planned = plan_run(joint, stop_);
    for (const TaskForecast& task : planned.tasks) examples_.push_back(task.examples);
    times_[""] = planned.seconds;
  }

  /// As the last run of the task took; if there was none, by its steps.
  double estimate(const TransferRun& run, int64_t joint_steps) const {
    const auto known = times_.find(run.task);
    if (known != times_.end()) return known->second;
    return seconds_of_steps(run.steps, joint_steps);
  }

  double seconds_of_steps(int64_t steps, int64_t joint_steps) const {
    const auto joint = times_.find("");
    if (joint == times_.end()) return 0.0;
    return joint->second * static_cast<double>(steps) / static_cast<double>(joint_steps);
  }

  /// Of what a seed lacks; notes the times of its runs that are finished.
  double seconds_left(uint64_t seed, const std::vector<TransferRun>& runs) {
    for (const TransferRun& run : runs) {
      if (is_finished(run)) note_time(run, read_run(run.options.output_dir), 0.0);
    }
    const int64_t joint_steps = runs.front().steps;
    double seconds = 0.0;
    for (const TransferRun& run : runs) {
      if (is_finished(run)) continue;
      seconds += estimate(run, joint_steps) * (1.0 - progress_of(run));
    }
    if (options_.gradient_batches > 0 && !file_exists(gradients_path(seed))) {
      seconds += gradient_seconds_.value_or(
          seconds_of_steps(options_.gradient_batches * std::ssize(tasks_), joint_steps));
    }
    return seconds;
  }

  void note_time(const TransferRun& run, const RunData& data, double seconds) {
    const RunFigures costs = cost_figures(data);
    if (costs.contains("seconds")) seconds = std::max(seconds, costs.at("seconds"));
    times_[run.task] = seconds;
  }

  void run_seed(uint64_t seed, const std::vector<TransferRun>& runs) {
    TransferSeed& own = seeds_.emplace_back();
    own.seed = seed;
    size_t number = 0;
    for (const TransferRun& run : runs) {
      const bool finished = is_finished(run);
      const Clock::time_point began = Clock::now();
      RunData data = finish_run(
          run.options,
          concat("seed ", seed, ", run ", ++number, " of ", runs.size(), ", ", run.name), stop_);
      if (!finished) note_time(run, data, seconds_since(began));
      if (seeds_.front().joint) check_same_content(*seeds_.front().joint, data);
      if (run.task.empty()) {
        own.joint = std::move(data);
      } else {
        own.alone.emplace(run.task, std::move(data));
      }
      if (!finished) write_so_far();
    }
    take_gradients(runs.front(), own);
    write_so_far();
  }

  std::string gradients_path(uint64_t seed) const {
    return concat(options_.output_dir, "/gradients-", seed, ".json");
  }

  /// Those that lie there, if they are of this model and as many batches.
  std::optional<GradientRecord> known_gradients(uint64_t seed, int64_t step) const {
    const std::string path = gradients_path(seed);
    if (!file_exists(path)) return std::nullopt;
    try {
      GradientRecord record = parse_gradients(read_json(path), path);
      const bool same = record.tasks == names_ && record.step == step &&
                        record.batches == options_.gradient_batches;
      return same ? std::optional(std::move(record)) : std::nullopt;
    } catch (const Error& error) {
      log_warning(error.what(), "; it is made again");
      return std::nullopt;
    }
  }

  /// Scores are worth having without them.
  void take_gradients(const TransferRun& joint, TransferSeed& own) {
    const std::optional<ResultsRecord>& results = own.joint->results;
    if (options_.gradient_batches == 0 || !results || !results->evaluated) return;
    const int64_t step = results->evaluated->step;
    own.gradients = known_gradients(own.seed, step);
    if (own.gradients) return;
    const Clock::time_point began = Clock::now();
    const std::string model = joint.options.output_dir + "/best";
    log_info("gradients of ", counted(options_.gradient_batches, "batch", "batches"),
             " of each task at ", model);
    try {
      GradientRecord record =
          measure_gradients(joint.options, model, options_.gradient_batches, stop_);
      record.step = step;
      write_file_atomically(gradients_path(own.seed), json_text(to_json(record)));
      own.gradients = std::move(record);
    } catch (const Error& error) {
      if (stop_.stop_requested()) throw;
      log_warning("no gradients of seed ", own.seed, ": ", error.what());
    }
    gradient_seconds_ = seconds_since(began);
  }

  void write_so_far() const {
    const Transfer transfer = result();
    write_file_atomically(options_.output_dir + kScoresName, json_text(transfer_json(transfer)));
    write_file_atomically(options_.output_dir + kPageName, transfer_page(transfer, seeds_));
  }

  const Clock::time_point began_ = Clock::now();
  const TransferOptions& options_;
  const std::stop_token& stop_;
  const std::vector<Task> tasks_;
  std::vector<std::string> names_;
  std::vector<int64_t> examples_;  // for training, of each task
  std::map<std::string, double>
      times_;  // seconds of the latest run of a task, "": of the joint one
  std::optional<double> gradient_seconds_;
  std::vector<TransferSeed> seeds_;
};

int run_transfer(const TransferOptions& options, const std::stop_token& stop) {
  refuse_launchers("transfer");
  if (!options.budget_minutes) {
    fail_usage("--budget_minutes is missing: how many minutes this call may take");
  }
  TransferSession session(options, stop);
  const std::string end = session.run();
  const Transfer transfer = session.result();
  log_info("the page is ", options.output_dir, kPageName);
  if (options.json) {
    log_info(end);
    std::cout << json_text(transfer_json(transfer));
  } else {
    std::cout << transfer_text(transfer) << "\n" << end << "\n";
  }
  return 0;
}

}  // namespace

Command add_transfer_command(CLI::App& program) {
  auto options = std::make_shared<TransferOptions>();
  CLI::App* app = program.add_subcommand(
      "transfer", "which tasks gain or lose by training together, within so many minutes");
  OptionList list = options_of(*options);
  add_options(*app, list);
  add_options_of_runs(*app, train_options_of(*options));
  app->footer(
      "All other options are those of `pals train`, for the run of all tasks together. A task\n"
      "alone takes as many steps on its rows as it takes there, so as many passes over its data,\n"
      "with the same batch size, learning rate and adapter.\n\n"
      "Example:\n"
      "  pals transfer --budget_minutes 60 --tasks rte,mrpc,sts --data_dir glue \\\n"
      "      --init_checkpoint minilm --adapter pals --output_dir runs/transfer");
  return {app, [options](const std::stop_token& stop) { return run_transfer(*options, stop); },
          list};
}

}  // namespace pals
