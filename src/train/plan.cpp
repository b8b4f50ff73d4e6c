#include "train/plan.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace pals {

RunFiles plan_files(const TrainOptions& options, const std::vector<Task>& tasks) {
  RunFiles files;
  if (options.do_train) {
    for (const Task& task : tasks) {
      const auto training = files_of(task, "train");
      if (training.empty()) fail_usage("task ", task.name, " has no training file");
      files.jobs.push_back({task, *training.front(), options.data_dir});
    }
  }
  if (!options.do_eval) return files;
  for (size_t i = 0; i < tasks.size(); ++i) {
    for (const DataFile* file : files_of(tasks[i], "dev")) {
      files.dev.push_back({std::ssize(files.jobs), static_cast<int>(i), file->split});
      files.jobs.push_back({tasks[i], *file, options.data_dir});
    }
  }
  if (files.dev.empty()) log_warning("--do_eval: no task has a dev file");
  return files;
}

RunPlan::RunPlan(const TrainOptions& options, std::vector<int64_t> task_examples)
    : examples(std::move(task_examples)),
      steps(plan_steps(options, examples)),
      sampler(options.sample, examples, options.seed, steps.total_steps, steps.num_epochs,
              steps.steps_per_epoch) {}

}  // namespace pals
