// What will be run: the files to read, how many steps, and which task each of them takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/feature_store.h"
#include "data/sampler.h"
#include "settings/train_options.h"
#include "train/step_plan.h"

namespace pals {

/// A development file among the jobs of a run.
struct DevJob {
  int64_t number = 0;  ///< of the job
  int task = 0;
  std::string split;
};

/// The files of a run: with --do_train first the tasks' training files, in task order, then with
/// --do_eval the development files.
struct RunFiles {
  std::vector<FeatureJob> jobs;
  std::vector<std::vector<int64_t>> training;  ///< jobs of each task
  std::vector<DevJob> dev;
};

/// UsageError if a task has no training file. Says which tasks have no development file.
RunFiles plan_files(const TrainOptions& options, const std::vector<Task>& tasks);

/// A run of several of a user's own tasks sees no task more often, unless it is told a number of
/// steps.
inline constexpr int64_t kMostPasses = 20;

/// Whether these are several tasks, and none of them GLUE's: length and sampling have other
/// defaults then.
bool are_own_tasks(const std::vector<Task>& tasks);

/// The sampling of a run of these tasks: as the options say, else as that of the run which it goes
/// on with, else the default.
Sampling sampling_of(const TrainOptions& options, const std::vector<Task>& tasks);

/// What goes with that sampling. UsageError if so many tasks cannot have it.
SamplingOdds odds_of(const TrainOptions& options, size_t num_tasks);

/// Steps and sampling over tasks of so many training examples.
struct RunPlan {
  RunPlan(const TrainOptions& options, const std::vector<Task>& tasks,
          std::vector<int64_t> task_examples);

  /// Over the examples of each task, in the first `until` steps.
  std::vector<double> passes_until(int64_t until) const;

  std::vector<int64_t> examples;  ///< of each task
  StepPlan steps;
  int64_t uncapped_steps = 0;  ///< as steps.total_steps, but without kMostPasses
  TaskSampler sampler;
  int64_t batch_size = 0;
  std::vector<double> passes;  ///< over the examples of each task, in all steps

 private:
  /// Shortens a run that would see a task more often than kMostPasses.
  void shorten(const TrainOptions& options, const std::vector<Task>& tasks);
};

}  // namespace pals
