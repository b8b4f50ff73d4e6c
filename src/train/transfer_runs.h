// The runs that tell what tasks gain or lose by training together: all of them together, and each
// alone for as long as it is trained there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "settings/train_options.h"
#include "tasks/task.h"

namespace pals {

struct TransferRun {
  std::string name;      ///< of its folder: joint-SEED, alone-TASK-SEED
  std::string task;      ///< empty: all together
  TrainOptions options;  ///< with a folder of its own
  int64_t steps = 0;
};

/// UsageError for options and tasks of which there is nothing to compare: a single task, one
/// without development file, runs that do not train and evaluate, nothing shared that trains.
void check_transfer(const TrainOptions& options, const std::vector<Task>& tasks);

/// The runs of a seed, the joint one first, in folders below `folder`. A task alone takes as many
/// steps on its rows as the joint run of that seed does, and is evaluated as often. `examples`: the
/// tasks' training examples. UsageError for a task that no step of the joint run takes.
std::vector<TransferRun> transfer_runs(const TrainOptions& options, const std::vector<Task>& tasks,
                                       const std::vector<int64_t>& examples, uint64_t seed,
                                       const std::string& folder);

}  // namespace pals
