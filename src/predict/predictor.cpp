#include "predict/predictor.h"

#include <algorithm>
#include <utility>

namespace pals {

Predictor::Predictor(const PredictingModel& model, std::vector<int> tasks, PredictorOptions options)
    : model_(model), tasks_(std::move(tasks)), options_(std::move(options)) {
  for (const int task : tasks_) asked_.push_back(&model_.tasks[static_cast<size_t>(task)]);
}

std::vector<RowForm> Predictor::forms() const {
  std::vector<RowForm> forms;
  for (const Task* task : asked_) forms.push_back(kind_of(*task).row_form(*task));
  return forms;
}

EncodedRows Predictor::encode(const std::vector<Example>& texts) const {
  TextEncoder encoder(model_.rules, forms());
  for (const Example& text : texts) encoder.add({.id = "", .texts = text});
  return encoder.finish();
}

std::vector<Logits> Predictor::run_heads(const EncodedRows& rows) const {
  const AskedHeads asked = ask_heads(model_.runner, tasks_, rows.features);
  auto logits = run_rows(model_.runner, asked.sources,
                         {.batch_size = options_.batch_size, .stop = options_.stop});
  std::vector<Logits> by_task;
  for (const HeadPlace& place : asked.places) {
    by_task.push_back(std::move(logits[place.source][place.number]));
  }
  return by_task;
}

std::vector<Prediction> Predictor::predict(const EncodedRows& rows) const {
  const std::vector<Logits> logits = run_heads(rows);
  std::vector<Prediction> predictions(static_cast<size_t>(rows.num_texts) * tasks_.size());
  for (size_t i = 0; i < tasks_.size(); ++i) {
    Prediction* to = predictions.data() + i;
    for (Prediction& prediction :
         kind_of(*asked_[i])
             .decode(*asked_[i], *rows.features[i], logits[i], model_.rules, options_.threads)) {
      *to = std::move(prediction);
      to += tasks_.size();
    }
  }
  return predictions;
}

}  // namespace pals
