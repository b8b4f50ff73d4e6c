#include "pals/sequence_classification.h"

#include "predict/find_task.h"

namespace pals {

SequenceClassifier::SequenceClassifier(const std::string& folder, const std::string& task,
                                       const ModelOptions& options)
    : predictor_(folder, options),
      task_(static_cast<size_t>(find_task(predictor_.tasks(), task, "task"))) {
  find_text_tasks(predictor_.tasks(), this->task().name, "task");  // refuses other kinds
}

std::vector<Prediction> SequenceClassifier::classify(const std::vector<TextPair>& texts) const {
  std::vector<Prediction> predictions;
  for (std::vector<Prediction>& of_text : predictor_.predict(texts, task().name)) {
    predictions.push_back(std::move(of_text.front()));
  }
  return predictions;
}

}  // namespace pals
