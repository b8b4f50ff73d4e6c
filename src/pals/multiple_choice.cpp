#include "pals/multiple_choice.h"

#include "base/error.h"
#include "data/features.h"
#include "model/multi_task_model.h"
#include "pals/find_kind.h"
#include "predict/predictor.h"

namespace pals {

MultipleChoice::MultipleChoice(const std::string& folder, const std::string& task,
                               const ModelOptions& options)
    : predictor_(folder, options),
      task_(find_task_of_kind(predictor_.tasks(), task, TaskKind::kMultipleChoice)) {}

Prediction MultipleChoice::choose(const Example& question) const {
  if (question.choices.empty()) fail_usage("choose: no choices");
  PackedBatch batch;
  append_choices(predictor_.tokenizer(), question, predictor_.max_seq_length(),
                 static_cast<int>(task_), 0, batch);
  const at::Tensor scores =  // [choices, 1]
      predictor_.model().forward(batch).logits.front().cpu();
  return make_prediction(task(),
                         {scores.const_data_ptr<float>(), static_cast<size_t>(scores.numel())});
}

}  // namespace pals
