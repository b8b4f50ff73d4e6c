// Weights of classes that are counted from the training data.
#pragma once

#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// Counts the class_weights of the tasks whose losses are to be balanced: of a class that n of N
/// examples have (multi-label: N are the labels of all examples; tagging: words) N / (classes * n);
/// 1 where n is 0. UsageError for a task without training data, Error as read_examples.
void balance_classes(std::vector<Task>& tasks, const std::string& base_dir);

}  // namespace pals
