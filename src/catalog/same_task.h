// Whether a task is still the one that a head was trained for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// Compares a task as it is described now with the one that a head was trained for. Labels are
/// mapped by name: output [k] of the head for `now` is output [result[k]] of that for `trained`;
/// empty if their order is the same. Throws Error, naming what differs with the old and the new
/// value: another kind, other labels (where outputs are no labels, in another order too), another
/// scale of values, texts exchanged, or single texts where there were pairs. `where` begins
/// messages, `advice` ends them. What else differs (columns of another name, metrics, settings of
/// the kind) is as it is described now, and said in a line on stderr.
std::vector<int64_t> match_task(const Task& trained, const Task& now, const std::string& where,
                                const std::string& advice);

}  // namespace pals
