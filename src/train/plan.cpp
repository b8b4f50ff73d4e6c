#include "train/plan.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"

namespace pals {

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

RunPlan::RunPlan(const TrainOptions& options, std::vector<int64_t> task_examples)
    : examples(std::move(task_examples)),
      steps(plan_steps(options, examples)),
      sampler(options.sample, examples, options.seed, steps.total_steps, steps.num_epochs,
              steps.steps_per_epoch) {}

}  // namespace pals
