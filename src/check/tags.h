// Tags of a tagging: whether they are tags of its scheme, and follow each other as it says.
#pragma once

#include <vector>

#include "check/problems.h"
#include "check/read_file.h"
#include "tasks/task.h"

namespace pals {

/// Says which tags are none of the task's scheme (errors), and how many sentences of a file have
/// tags where they may not stand. Of other kinds nothing.
void check_tags(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems);

}  // namespace pals
