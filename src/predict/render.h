// Predictions as lines of JSON and TSV: the last part of a prediction. Any thread.
#pragma once

#include <string>
#include <vector>

#include "kinds/prediction.h"
#include "tasks/task.h"

namespace pals {

/// Lines of answers, one for each text: TSV, or a JSON object. Answers for several tasks stand each
/// under its task's name.
class AnswerLines {
 public:
  /// With `ids` a text's id stands first. `tasks` must outlive this object. UsageError if the ids
  /// cannot be told from a task.
  AnswerLines(std::vector<const Task*> tasks, bool ids, bool json);

  /// The first line: TSV columns of several tasks have names. Else empty.
  std::string header() const;

  /// The line for one text's predictions, one for each task.
  std::string line(const std::string& id, const Prediction* predictions) const;

 private:
  template <typename Field>
  std::string joined(const std::string& id, const Field& field) const;

  std::vector<const Task*> tasks_;
  bool ids_, json_;
};

}  // namespace pals
