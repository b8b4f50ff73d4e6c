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

/// The flags' settings on top of an adapter. UsageError for those that its kind does not have.
AdapterConfig with_settings(AdapterConfig adapter, const AdapterFlags& flags);

/// The adapter that a task file gives the task (Task::adapter), resolved. UsageError for a bad one.
AdapterConfig own_adapter(const Task& task, const BertConfig& bert, bool task_pooler = false);

/// UsageError for flags that change nothing, since all tasks have adapters of their own.
void refuse_idle_flags(const AdapterFlags& flags, const std::vector<Task>& tasks);

/// What a task file says of a task's adapter counts; else the flags, on top of what the task has in
/// a model folder, or of the reference's keys in the configuration. UsageError for flags that
/// contradict these or the kind, and for a bad choice.
AdapterChoice choose_adapters(const TrainOptions& options, const OpenedModel& opened,
                              const std::vector<Task>& tasks);

}  // namespace pals
