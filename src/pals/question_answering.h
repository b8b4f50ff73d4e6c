// Questions about a text, answered in words of it.
#pragma once

#include <string>
#include <string_view>

#include "eval/answers.h"
#include "pals/multi_task.h"

namespace pals {

/// A span task of a model folder. Copies share their weights.
class QuestionAnswerer {
 public:
  /// `task` may be left out if there is only one. Throws Error as load_model_folder, UsageError for
  /// a task that is not there or of another kind.
  explicit QuestionAnswerer(const std::string& folder, const std::string& task = "",
                            const ModelOptions& options = {});

  const Task& task() const { return predictor_.tasks()[task_]; }

  /// The answer to a question about `context`, and the n best. A context that is too long for one
  /// row is cut into rows that overlap, as the task says, which run in one batch.
  PredictedAnswer answer(std::string_view question, std::string_view context) const;

 private:
  MultiTaskPredictor predictor_;
  size_t task_;
};

}  // namespace pals
