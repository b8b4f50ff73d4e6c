#include "train/transfer_runs.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "data/sampler.h"
#include "train/plan.h"

namespace pals {

void check_transfer(const TrainOptions& options, const std::vector<Task>& tasks) {
  if (options.do_train != options.do_eval) {
    fail_usage("--do_train and --do_eval: pals transfer trains and evaluates each run; give both, ",
               "or none of them");
  }
  if (options.freeze_all) {
    fail_usage(
        "--freeze_all: nothing trains that tasks share, so that they cannot gain or lose by ",
        "each other");
  }
  if (options.polish_epochs > 0) {
    fail_usage("--polish_epochs: tasks do not train together there; pals transfer takes none");
  }
  if (tasks.size() < 2) {
    fail_usage("pals transfer compares tasks alone with the same tasks together and needs two or ",
               "more; --tasks names ", tasks.size());
  }
  for (const Task& task : tasks) {
    if (!files_of(task, "dev").empty()) continue;
    fail_usage("task ", task.name, " has no dev file, so that nothing can be said of it; leave it ",
               "out of --tasks, or give it one");
  }
}

std::vector<TransferRun> transfer_runs(const TrainOptions& options, const std::vector<Task>& tasks,
                                       const std::vector<int64_t>& examples, uint64_t seed,
                                       const std::string& folder) {
  std::vector<TransferRun> runs;
  const auto add = [&](std::string name, TrainOptions own, std::string task, int64_t steps) {
    own.seed = seed;
    own.nproc = 1;
    own.output_dir = concat(folder, "/", name);
    check_options(own);
    runs.push_back({std::move(name), std::move(task), std::move(own), steps});
  };
  TrainOptions joint = options;
  joint.seed = seed;
  joint.output_dir = concat(folder, "/joint-", seed);  // where an earlier run may say how it draws
  const RunPlan plan(joint, tasks, examples);
  add(concat("joint-", seed), options, "", plan.steps.total_steps);
  for (size_t i = 0; i < tasks.size(); ++i) {
    const int64_t pass = steps_per_pass(examples[i], options.train_batch_size);
    const int64_t steps = std::llround(plan.passes[i] * static_cast<double>(pass));
    if (steps == 0) {
      fail_usage("task ", tasks[i].name, " is in no step of the joint run of ",
                 counted(plan.steps.total_steps, "step"), "; more --max_steps, or --sample rr");
    }
    TrainOptions alone = options;
    alone.tasks = tasks[i].name;
    if (!tasks[i].adapter.empty()) {  // flags for adapters are then for the other tasks
      static_cast<AdapterFlags&>(alone) = {};
      alone.h_aug = 0;
    }
    alone.task_id.reset();
    alone.sample = Sampling::kRoundRobin;
    alone.sample_alpha.reset();
    alone.sample_cap.reset();
    alone.min_share = 0.0;
    alone.teachers.clear();
    for (const TeacherFlag& teacher : teachers_of(options)) {
      if (teacher.task != tasks[i].name) continue;
      alone.teachers.push_back(concat(teacher.task, "=", teacher.folder));
    }
    alone.max_steps = steps;
    alone.steps_per_epoch = (steps + plan.steps.num_epochs - 1) / plan.steps.num_epochs;
    add(concat("alone-", tasks[i].name, "-", seed), std::move(alone), tasks[i].name, steps);
  }
  return runs;
}

}  // namespace pals
