// One task of a model: labels with probabilities, or values, of texts.
#pragma once

#include <string>
#include <vector>

#include "pals/multi_task.h"

namespace pals {

/// A classification or regression task of a model folder. Copies share their weights.
class SequenceClassifier {
 public:
  /// `task` may be left out if there is only one. Throws Error as load_model_folder, UsageError for
  /// a task that is not there or of another kind.
  explicit SequenceClassifier(const std::string& folder, const std::string& task = "",
                              const ModelOptions& options = {});

  /// Its labels stand in the order of the probabilities.
  const Task& task() const { return predictor_.tasks()[task_]; }

  /// A prediction for each text or pair.
  std::vector<Prediction> classify(const std::vector<TextPair>& texts) const;

 private:
  MultiTaskPredictor predictor_;
  size_t task_;
};

}  // namespace pals
