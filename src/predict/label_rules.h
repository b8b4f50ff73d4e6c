// Which of a task's labels a prediction names: those above a threshold, the likeliest few.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "kinds/prediction.h"
#include "tasks/task.h"

namespace pals {

/// What a user asks of labels; nothing: as the task says, and all of them.
struct LabelRules {
  std::optional<double> threshold = {};
  std::optional<int64_t> top_k = {};
};

/// UsageError, with the flag's name, for a rule that one of the tasks has no labels for.
void check_label_rules(const LabelRules& rules, const std::vector<const Task*>& tasks);

/// Decides anew by the probabilities: a text has the labels above `threshold`; of a task with two
/// labels of which a text has one, the second if that is above.
void apply_threshold(const Task& task, double threshold, Prediction& prediction);

// As the functions of Kind, but of the likeliest labels, at most `rules.top_k` (which must be
// there), the likeliest first. With a threshold a classification's answer, which need not be the
// likeliest, has a last column "answer"; in JSON it is "label" as ever.

OrderedJson top_json(const Task& task, const Prediction& prediction, const LabelRules& rules);
std::vector<std::string> top_names(const Task& task, const LabelRules& rules);
std::vector<std::string> top_fields(const Task& task, const Prediction& prediction,
                                    const LabelRules& rules);

}  // namespace pals
