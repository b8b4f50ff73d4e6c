#include "pals/question_answering.h"

#include <utility>

#include "pals/find_kind.h"

namespace pals {

QuestionAnswerer::QuestionAnswerer(const std::string& folder, const std::string& task,
                                   const ModelOptions& options)
    : predictor_(folder, options),
      task_(find_task_of_kind(predictor_.tasks(), task, TaskKind::kSpan)) {}

PredictedAnswer QuestionAnswerer::answer(std::string_view question,
                                         std::string_view context) const {
  Example example;
  example.text_a = question;
  example.text_b = context;
  return std::move(predictor_.predict_examples({example}, task().name).front().front().answer);
}

}  // namespace pals
