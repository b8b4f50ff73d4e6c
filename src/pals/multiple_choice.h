// The choice that best goes on from a text.
#pragma once

#include <string>
#include <vector>

#include "pals/multi_task.h"

namespace pals {

/// A multiple-choice task of a model folder. Copies share their weights.
class MultipleChoice {
 public:
  /// `task` may be left out if there is only one. Throws Error as load_model_folder, UsageError for
  /// a task that is not there or of another kind.
  explicit MultipleChoice(const std::string& folder, const std::string& task = "",
                          const ModelOptions& options = {});

  const Task& task() const { return predictor_.tasks()[task_]; }

  /// The number of the likeliest choice, and the probabilities of all. `question` has a context in
  /// text_a, what every choice goes on from in text_b (or nothing), and the choices. UsageError if
  /// there are none.
  Prediction choose(const Example& question) const;

 private:
  MultiTaskPredictor predictor_;
  size_t task_;
};

}  // namespace pals
