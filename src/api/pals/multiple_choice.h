// The choice that best goes on from a text.
#pragma once

#include <pals/error.h>
#include <pals/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pals::api {

class PredictingFolder;

/// A multiple-choice task of a model folder. Copies share their weights; one thread at a time
/// uses them.
class MultipleChoice {
 public:
  /// `task` may be left out if there is only one. Error if a file of the folder is missing or
  /// damaged, UsageError for a task that is not there or of another kind.
  explicit MultipleChoice(const std::string& folder, const std::string& task = "",
                          const ModelOptions& options = {});

  const Task& task() const;

  /// The number of the likeliest choice, and the probabilities of all. UsageError without choices.
  Prediction choose(const Example& question) const;

 private:
  std::shared_ptr<const PredictingFolder> folder_;
  size_t task_;
};

}  // namespace pals::api
