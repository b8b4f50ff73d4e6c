#include "train/plan.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "tasks/glue.h"
#include "train/check_options.h"

namespace pals {
namespace {

constexpr int64_t kCountedSteps = 10000000;  // draws of longer runs are expected ones

TaskSampler sampler_of(const TrainOptions& options, const std::vector<Task>& tasks,
                       const std::vector<int64_t>& examples, const StepPlan& steps) {
  return {sampling_of(options, tasks),
          examples,
          options.seed,
          steps.total_steps,
          steps.num_epochs,
          steps.steps_per_epoch,
          odds_of(options, tasks.size())};
}

}  // namespace

RunFiles plan_files(const TrainOptions& options, const std::vector<Task>& tasks) {
  RunFiles files;
  if (options.do_train) {
    for (const Task& task : tasks) {
      const auto training = files_of(task, "train");
      if (training.empty()) fail_usage("task ", task.name, " has no training file");
      std::vector<int64_t>& jobs = files.training.emplace_back();
      for (const DataFile* file : training) {
        jobs.push_back(std::ssize(files.jobs));
        files.jobs.push_back({task, *file, options.data_dir});
      }
    }
  }
  if (!options.do_eval) return files;
  std::vector<std::string> without;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (files_of(tasks[i], "dev").empty()) without.push_back(tasks[i].name);
    for (const DataFile* file : files_of(tasks[i], "dev")) {
      files.dev.push_back({std::ssize(files.jobs), static_cast<int>(i), file->split});
      files.jobs.push_back({tasks[i], *file, options.data_dir});
    }
  }
  if (files.dev.empty()) {
    log_warning("--do_eval: no task has a dev file");
  } else if (!without.empty()) {
    log_warning("no dev file, so no scores and no part in choosing the best model: ",
                join(without, ", "));
  }
  return files;
}

bool are_own_tasks(const std::vector<Task>& tasks) {
  const auto is_glue = [](const Task& task) {
    return std::ranges::find(glue_tasks(), task.name, &Task::name) != glue_tasks().end();
  };
  return tasks.size() > 1 && std::ranges::none_of(tasks, is_glue);
}

Sampling sampling_of(const TrainOptions& options, const std::vector<Task>& tasks) {
  if (options.sample) return *options.sample;
  if (const std::optional<Sampling> recorded = recorded_sampling(options)) return *recorded;
  return are_own_tasks(tasks) ? Sampling::kAnneal : Sampling::kRoundRobin;
}

SamplingOdds odds_of(const TrainOptions& options, size_t num_tasks) {
  SamplingOdds odds{.cap = options.sample_cap.value_or(0), .min_share = options.min_share};
  odds.alpha = options.sample_alpha.value_or(odds.alpha);
  check_min_share(odds, num_tasks);
  return odds;
}

RunPlan::RunPlan(const TrainOptions& options, const std::vector<Task>& tasks,
                 std::vector<int64_t> task_examples)
    : examples(std::move(task_examples)),
      steps(plan_steps(options, examples, are_own_tasks(tasks))),
      uncapped_steps(steps.total_steps),
      sampler(sampler_of(options, tasks, examples, steps)),
      batch_size(options.train_batch_size),
      passes(passes_until(steps.total_steps)) {
  if (are_own_tasks(tasks) && options.max_steps == 0 && options.steps_per_epoch == 0) {
    shorten(options, tasks);
  }
  if (options.polish_epochs == 0) return;
  const int64_t first = steps.total_steps;
  steps = with_polish(steps, options.polish_epochs, sampler.add_passes(first, batch_size));
  uncapped_steps += steps.total_steps - first;
  passes = passes_until(steps.total_steps);
}

void RunPlan::shorten(const TrainOptions& options, const std::vector<Task>& tasks) {
  // The draws of fewer steps are others, so that a proportion is only nearly right.
  while (steps.steps_per_epoch > 1) {
    const double most = *std::ranges::max_element(passes);
    if (most <= static_cast<double>(kMostPasses)) return;
    const double share = static_cast<double>(kMostPasses) / most;
    const auto fewer = static_cast<int64_t>(share * static_cast<double>(steps.steps_per_epoch));
    steps = with_epochs_of(steps, options.num_train_epochs,
                           std::clamp<int64_t>(fewer, 1, steps.steps_per_epoch - 1));
    sampler = sampler_of(options, tasks, examples, steps);
    passes = passes_until(steps.total_steps);
  }
}

std::vector<double> RunPlan::passes_until(int64_t until) const {
  std::vector<double> draws(examples.size());
  if (until <= kCountedSteps) {
    for (int64_t step = 0; step < until; ++step) {
      draws[static_cast<size_t>(sampler.task_at(step))] += 1.0;
    }
  } else {
    int64_t drawn = 0;
    for (int64_t step = 0; step < until; step += drawn) {
      const std::vector<double> odds = sampler.probabilities(sampler.epoch_at(step));
      drawn = steps.polishes(step)
                  ? until - step
                  : std::min(steps.steps_per_epoch, std::min(until, steps.first_steps()) - step);
      for (size_t task = 0; task < draws.size(); ++task) {
        draws[task] += odds[task] * static_cast<double>(drawn);
      }
    }
  }
  for (size_t task = 0; task < draws.size(); ++task) {
    draws[task] /= static_cast<double>(steps_per_pass(examples[task], batch_size));
  }
  return draws;
}

}  // namespace pals
