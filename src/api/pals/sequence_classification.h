// One task of a model: labels with probabilities, or values, of texts.
#pragma once

#include <pals/error.h>
#include <pals/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pals::api {

class PredictingFolder;

/// A classification, regression, multi-label or tagging task of a model folder. Copies share their
/// weights; one thread at a time uses them.
class SequenceClassifier {
 public:
  /// `task` may be left out if there is only one. Error if a file of the folder is missing or
  /// damaged, UsageError for a task that is not there or of another kind.
  explicit SequenceClassifier(const std::string& folder, const std::string& task = "",
                              const ModelOptions& options = {});

  /// Its labels stand in the order of the probabilities.
  const Task& task() const;

  /// A prediction for each text or pair.
  std::vector<Prediction> classify(const std::vector<TextPair>& texts) const;

 private:
  std::shared_ptr<const PredictingFolder> folder_;
  size_t task_;
};

}  // namespace pals::api
