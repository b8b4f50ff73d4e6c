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
  struct Place {
    size_t source, number;
  };
  std::vector<AskedRows> sources;
  std::vector<Place> places;  // of each task
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const auto shared = std::ranges::find_if(sources, [&](const AskedRows& source) {
      return source.features == rows.features[i] &&
             model_.runner.shares_trunk(source.tasks.front(), tasks_[i]);
    });
    const auto source = static_cast<size_t>(shared - sources.begin());
    if (source == sources.size()) sources.push_back({rows.features[i], {}});
    places.push_back({source, sources[source].tasks.size()});
    sources[source].tasks.push_back(tasks_[i]);
  }
  auto logits =
      run_rows(model_.runner, sources, {.batch_size = options_.batch_size, .stop = options_.stop});
  std::vector<Logits> by_task;
  for (const Place& place : places) {
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
