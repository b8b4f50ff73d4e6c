#include "train/step_plan.h"

#include <algorithm>
#include <cmath>

#include "data/loader.h"

namespace pals {
namespace {

constexpr int64_t kStepsPerTask = 300;

}  // namespace

StepPlan plan_steps(const TrainOptions& options, const std::vector<int64_t>& task_examples) {
  const auto epochs = static_cast<int64_t>(std::ceil(options.num_train_epochs - 1e-9));
  StepPlan plan;
  plan.steps_per_epoch = options.steps_per_epoch;
  if (plan.steps_per_epoch <= 0) {
    if (options.max_steps > 0) {
      plan.steps_per_epoch = (options.max_steps + epochs - 1) / epochs;
    } else if (task_examples.size() == 1) {
      plan.steps_per_epoch = steps_per_pass(task_examples.front(), options.train_batch_size);
    } else {
      plan.steps_per_epoch = kStepsPerTask * static_cast<int64_t>(task_examples.size());
    }
  }
  plan.total_steps =
      options.max_steps > 0
          ? options.max_steps
          : static_cast<int64_t>(
                std::llround(options.num_train_epochs * static_cast<double>(plan.steps_per_epoch)));
  plan.total_steps = std::max<int64_t>(1, plan.total_steps);
  plan.num_epochs = (plan.total_steps + plan.steps_per_epoch - 1) / plan.steps_per_epoch;
  return plan;
}

}  // namespace pals
