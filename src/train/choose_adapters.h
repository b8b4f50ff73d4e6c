// The adapters of a run's tasks: from the task file, flags, and the configuration at hand.
#pragma once

#include <optional>
#include <vector>

#include "model/open.h"
#include "settings/train_options.h"

namespace pals {

struct AdapterChoice {
  std::vector<AdapterConfig> tasks;     ///< [K], resolved
  std::optional<AdapterConfig> common;  ///< of all tasks for which the task file says nothing
};

/// What a task file says of a task's adapter counts; else the flags, on top of what the task has in
/// a model folder, or of the reference's keys in the configuration. UsageError for flags that
/// contradict these or the kind, and for a bad choice.
AdapterChoice choose_adapters(const TrainOptions& options, const OpenedModel& opened,
                              const std::vector<Task>& tasks);

}  // namespace pals
