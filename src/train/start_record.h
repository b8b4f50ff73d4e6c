// What the log of a run says of each process that trains it.
#pragma once

#include <string>
#include <vector>

#include "runlog/records.h"
#include "train/plan.h"
#include "train/setup.h"

namespace pals {

/// A process whose first step is `from_step`, as of now. `command`: its arguments.
StartRecord start_record(const RunSetup& setup, const RunPlan& plan, int ranks, int64_t from_step,
                         const std::vector<std::string>& command);

/// The epoch that begins with a step, and the odds of the tasks in it.
EpochRecord epoch_record(const RunSetup& setup, const RunPlan& plan, int64_t step);

}  // namespace pals
