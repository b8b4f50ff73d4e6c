#include "pals/question_answering.h"

#include "data/span_features.h"
#include "model/multi_task_model.h"
#include "pals/find_kind.h"

namespace pals {

QuestionAnswerer::QuestionAnswerer(const std::string& folder, const std::string& task,
                                   const ModelOptions& options)
    : predictor_(folder, options),
      task_(find_task_of_kind(predictor_.tasks(), task, TaskKind::kSpan)) {}

PredictedAnswer QuestionAnswerer::answer(std::string_view question,
                                         std::string_view context) const {
  const Tokenizer& tokenizer = predictor_.tokenizer();
  const SpanContext tokens = split_context(tokenizer, context);
  PackedBatch batch;
  const SpanRows rows =
      append_question(tokenizer, question, tokens, task().span, predictor_.max_seq_length(),
                      static_cast<int>(task_), 0, batch);
  const at::Tensor logits = predictor_.model().forward(batch).logits.front().cpu();  // [S, 2]
  return choose_answer(tokenizer, tokens, rows,
                       {logits.const_data_ptr<float>(), static_cast<size_t>(logits.numel())},
                       task().span);
}

}  // namespace pals
