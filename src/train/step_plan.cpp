#include "train/step_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/loader.h"

namespace pals {
namespace {

constexpr int64_t kStepsPerTask = 300;

}  // namespace

bool StepPlan::ends_epoch(int64_t steps) const {
  const int64_t first = first_steps();
  return steps >= first
             ? steps == total_steps || steps == first || (steps - first) % polish_epoch_steps == 0
             : steps % steps_per_epoch == 0;
}

int64_t StepPlan::epoch_end(int64_t step) const {
  const int64_t first = first_steps();
  const bool polish = step >= first;
  const int64_t length = polish ? polish_epoch_steps : steps_per_epoch, from = polish ? first : 0;
  return std::min(from + ((step - from) / length + 1) * length, polish ? total_steps : first);
}

int64_t StepPlan::epochs_after(int64_t steps) const {
  const int64_t first = first_steps();
  if (steps <= first) return (steps - 1) / steps_per_epoch + 1;
  return num_epochs - polish_epochs + (steps - first - 1) / polish_epoch_steps + 1;
}

StepPosition StepPlan::position(int64_t step, int64_t task_step) const {
  const int64_t first = first_steps();
  return step < first ? StepPosition{step, first, task_step}
                      : StepPosition{step - first, total_steps - first, task_step};
}

StepPlan with_polish(StepPlan plan, int64_t epochs, int64_t epoch_steps) {
  plan.polish_epochs = epochs;
  plan.polish_epoch_steps = epoch_steps;
  plan.num_epochs += epochs;
  plan.total_steps += epochs * epoch_steps;
  return plan;
}

StepPlan with_epochs_of(StepPlan plan, double epochs, int64_t steps_per_epoch) {
  plan.steps_per_epoch = steps_per_epoch;
  const auto total = std::llround(epochs * static_cast<double>(steps_per_epoch));
  plan.total_steps = std::max<int64_t>(1, total);
  plan.num_epochs = (plan.total_steps + steps_per_epoch - 1) / steps_per_epoch;
  return plan;
}

StepPlan plan_steps(const TrainOptions& options, const std::vector<int64_t>& task_examples,
                    bool own) {
  const auto epochs = static_cast<int64_t>(std::ceil(options.num_train_epochs - 1e-9));
  StepPlan plan;
  plan.steps_per_epoch = options.steps_per_epoch;
  if (plan.steps_per_epoch <= 0) {
    if (options.max_steps > 0) {
      plan.steps_per_epoch = (options.max_steps + epochs - 1) / epochs;
    } else if (own || task_examples.size() == 1) {
      const int64_t all = std::accumulate(task_examples.begin(), task_examples.end(), int64_t{0});
      plan.steps_per_epoch = steps_per_pass(all, options.train_batch_size);
    } else {
      plan.steps_per_epoch = kStepsPerTask * static_cast<int64_t>(task_examples.size());
    }
  }
  if (options.max_steps == 0) {
    return with_epochs_of(plan, options.num_train_epochs, plan.steps_per_epoch);
  }
  plan.total_steps = options.max_steps;
  plan.num_epochs = (plan.total_steps + plan.steps_per_epoch - 1) / plan.steps_per_epoch;
  return plan;
}

}  // namespace pals
