#include "pals/multiple_choice.h"

#include <utility>

#include "base/error.h"
#include "pals/find_kind.h"

namespace pals {

MultipleChoice::MultipleChoice(const std::string& folder, const std::string& task,
                               const ModelOptions& options)
    : predictor_(folder, options),
      task_(find_task_of_kind(predictor_.tasks(), task, TaskKind::kMultipleChoice)) {}

Prediction MultipleChoice::choose(const Example& question) const {
  if (question.choices.empty()) fail_usage("choose: no choices");
  return std::move(predictor_.predict_examples({question}, task().name).front().front());
}

}  // namespace pals
