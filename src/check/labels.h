// Labels and values of a task: those that training never sees, rare ones, and the like.
#pragma once

#include <cstdint>
#include <vector>

#include "check/problems.h"
#include "check/read_file.h"
#include "tasks/task.h"

namespace pals {

/// Labels with fewer training rows are rare.
inline constexpr int64_t kRareRows = 10;

/// How many rows (or words) of the training files have each label.
std::vector<int64_t> training_counts(const Task& task, const std::vector<CheckedFile>& files);

/// Says of the labels of a task which ones only other files than the training files have (errors),
/// and which are rare, missing, look mistyped, or differ in case or blanks alone; of values whether
/// all are equal.
void check_labels(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems);

/// Says which tables without a header begin with what headers call a text: readers ask only where
/// nobody said whether there is one.
void check_first_rows(const Task& task, const std::vector<CheckedFile>& files,
                      ProblemList& problems);

}  // namespace pals
