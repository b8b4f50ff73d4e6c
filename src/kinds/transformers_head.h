// What transformers calls the heads of tasks.
#pragma once

#include "tasks/task.h"

namespace pals {

/// Null: it has no name for that.
struct TransformersHead {
  const char* class_name = nullptr;  ///< behind "Bert": "ForSequenceClassification"
  const char* problem = nullptr;     ///< problem_type, which tells heads of one class apart
};

/// The names of a task's head, by Kind::foreign_head.
TransformersHead transformers_head(const Task& task);

}  // namespace pals
