// Questions about a text, answered in words of it.
#pragma once

#include <pals/error.h>
#include <pals/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pals::api {

class PredictingFolder;

/// A span task of a model folder. Copies share their weights; one thread at a time
/// uses them.
class QuestionAnswerer {
 public:
  /// `task` may be left out if there is only one. Error if a file of the folder is missing or
  /// damaged, UsageError for a task that is not there or of another kind.
  explicit QuestionAnswerer(const std::string& folder, const std::string& task = "",
                            const ModelOptions& options = {});

  const Task& task() const;

  /// The answer to a question about `context`, and the n best. A context that is too long for one
  /// row is cut into rows that overlap, as the task says.
  PredictedAnswer answer(std::string_view question, std::string_view context) const;

 private:
  std::shared_ptr<const PredictingFolder> folder_;
  size_t task_;
};

}  // namespace pals::api
