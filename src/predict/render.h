// Predictions as lines of JSON, TSV and CSV: the last part of a prediction. Any thread.
#pragma once

#include <string>
#include <vector>

#include "kinds/prediction.h"
#include "options/choices.h"
#include "predict/encode.h"
#include "predict/label_rules.h"
#include "tasks/task.h"

namespace pals {

struct AnswerOptions {
  AnswerFormat format = AnswerFormat::kTsv;
  bool ids = false;     ///< a text's id stands first
  bool errors = false;  ///< bad rows have lines; in columns their errors stand in a last one
  LabelRules labels = {};
};

/// Lines of answers, one for each text: columns, or a JSON object. Answers for several tasks stand
/// each under its task's name.
class AnswerLines {
 public:
  /// `tasks` must outlive this object. UsageError if ids or errors cannot be told from a task, and
  /// as check_label_rules().
  AnswerLines(std::vector<const Task*> tasks, AnswerOptions options);

  /// The first line: columns of several tasks have names, and those of CSV. Else empty.
  std::string header() const;

  /// The line for one text's predictions, one for each task.
  std::string line(const std::string& id, const Prediction* predictions) const;

  /// The line in place of a text.
  std::string error_line(const BadRow& bad) const;

 private:
  std::string json_line(const std::string& id, const Prediction* predictions) const;
  std::vector<std::string> names(const Task& task) const;
  std::vector<std::string> fields(const Task& task, const Prediction& prediction) const;
  std::string row(const std::string& id, std::vector<std::string> fields,
                  const std::string& error) const;
  bool is_json() const { return options_.format == AnswerFormat::kJsonl; }

  std::vector<const Task*> tasks_;
  AnswerOptions options_;
};

}  // namespace pals
