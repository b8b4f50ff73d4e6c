// The GLUE benchmark as a table: one row a task, in the original TSV layout.
#pragma once

#include <cstddef>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// How many of glue_tasks() "all" means: the reference's eight, without WNLI.
inline constexpr size_t kReferenceTasks = 8;

/// cola, mrpc, mnli, rte, sts, sst, qqp, qnli (the reference's order, which --task_id counts in),
/// then wnli. File paths are relative to the data folder ("CoLA/train.tsv").
const std::vector<Task>& glue_tasks();

}  // namespace pals
