#include "train/start_record.h"

#include <ATen/Parallel.h>

#include <chrono>

#include "base/version.h"
#include "kernels/device.h"
#include "kinds/kind.h"
#include "modules/precision.h"

namespace pals {
namespace {

std::string shared_part(const std::string& name) {
  if (name.starts_with("embeddings.")) return "embeddings";
  return name.starts_with("pooler.") ? "pooler" : "layers";
}

// Names of a task's parameters begin with "tasks.N.".
std::string own_part(const std::string& name, const Task& task) {
  const size_t begin = name.find('.', std::string("tasks.").size()) + 1;
  if (name.compare(begin, 7, "pooler.") == 0) return "pooler";
  const std::string head = std::string(kind_of(task).head().name) + ".";
  return name.compare(begin, head.size(), head) == 0 ? "head" : "adapter";
}

}  // namespace

StartRecord start_record(const RunSetup& setup, const RunPlan& plan, int ranks, int64_t from_step,
                         const std::vector<std::string>& command) {
  const std::vector<Task>& tasks = setup.description.tasks;
  const at::Device device = setup.model->device();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  StartRecord record{.from_step = from_step,
                     .time = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                     .program = version(),
                     .command = command,
                     .device = device.is_cpu() ? "cpu" : device_name(device),
                     .precision = precision_name(setup.model->precision()),
                     .ranks = ranks,
                     .threads = at::get_num_threads(),
                     .total_steps = plan.steps.total_steps,
                     .steps_per_epoch = plan.steps.steps_per_epoch,
                     .examples = {},
                     .shared = {},
                     .own = {}};
  for (size_t i = 0; i < tasks.size(); ++i) record.examples[tasks[i].name] = plan.examples[i];
  for (const Parameter& row : setup.model->arena().table().rows()) {
    if (row.owner == kSharedOwner) {
      record.shared[shared_part(row.name)] += row.numel;
    } else {
      const Task& task = tasks[static_cast<size_t>(row.owner)];
      record.own[task.name][own_part(row.name, task)] += row.numel;
    }
  }
  return record;
}

EpochRecord epoch_record(const RunSetup& setup, const RunPlan& plan, int64_t step) {
  const int64_t epoch = plan.sampler.epoch_at(step);
  const std::vector<double> odds = plan.sampler.probabilities(epoch);
  EpochRecord record{.epoch = epoch + 1, .at_step = step, .probabilities = {}};
  for (size_t i = 0; i < odds.size(); ++i) {
    record.probabilities[setup.description.tasks[i].name] = odds[i];
  }
  return record;
}

}  // namespace pals
