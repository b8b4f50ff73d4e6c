// What is said at once when a stop is asked for: until the run has stopped, seconds may pass.
#pragma once

#include <string>

#include "train/run_clock.h"

namespace pals {

/// What a stop in this part of a run leads to. `trains`: it has steps; `alone`: in one process.
std::string stop_notice(RunPart part, bool trains, bool alone);

}  // namespace pals
