// Which output of a head from elsewhere stands for which of a task's labels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// The outputs of a head in the order of the task's labels: its row [k] stands for labels[k]. They
/// are mapped by name through `id2label` (or `label2id`) of the configuration that belongs to the
/// head, in which letter case and punctuation do not count. Empty if the order is that of the
/// labels, the configuration says nothing (LABEL_0, LABEL_1, ... are no names), or the kind's
/// outputs are no labels. UsageError, which
/// begins with `where`, for names that are not the task's labels, and for a head that is of another
/// `problem_type`.
std::vector<int64_t> output_order(const Json& config, const Task& task, const std::string& where);

}  // namespace pals
