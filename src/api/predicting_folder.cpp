#include "api/predicting_folder.h"

#include <ATen/Parallel.h>

#include <memory>
#include <utility>

#include "api/wrapped_tokenizer.h"
#include "base/error.h"
#include "base/text_util.h"
#include "features/features.h"
#include "hub/fetch.h"
#include "kernels/device.h"
#include "modules/precision_choice.h"
#include "options/option.h"
#include "predict/find_tasks.h"
#include "predict/fit.h"
#include "predict/predictor.h"
#include "predict/run.h"
#include "tasks/task_selection.h"

namespace pals::api {
namespace {

LoadedModel load(const std::string& folder, const ModelOptions& options) {
  if (options.batch_size < 1) {
    fail_usage("batch_size: ", options.batch_size, ", expected 1 or more");
  }
  const at::Device device = choose_device(read_option<DeviceChoice>("device", options.device));
  const auto precision = read_option<PrecisionChoice>("precision", options.precision);
  return load_model_folder(folder, choose_precision(precision, device), device);
}

// The library's kinds have the order of the program's (api_test.cpp).
std::vector<Task> public_tasks(const std::vector<pals::Task>& tasks) {
  std::vector<Task> all;
  for (const pals::Task& task : tasks) {
    all.push_back({task.name, static_cast<TaskKind>(task.kind), task.labels,
                   static_cast<int>(texts_of(task).value_or(0))});
  }
  return all;
}

Prediction public_prediction(pals::Prediction&& given) {
  Prediction prediction;
  prediction.label = given.label;
  prediction.probabilities = std::move(given.probabilities);
  prediction.labels = std::move(given.labels);
  prediction.value = given.value;
  for (pals::TaggedWord& word : given.words) {
    prediction.words.push_back(
        {std::move(word.text), word.start, word.end, word.tag, word.probability});
  }
  for (pals::TaggedSpan& span : given.spans) {
    prediction.spans.push_back({std::move(span.label), std::move(span.text), span.start, span.end});
  }
  prediction.answer.text = std::move(given.answer.text);
  prediction.answer.probability = given.answer.probability;
  for (pals::RankedAnswer& answer : given.answer.n_best) {
    prediction.answer.n_best.push_back({std::move(answer.text), answer.probability});
  }
  return prediction;
}

}  // namespace

PredictingFolder::PredictingFolder(const std::string& folder, const ModelOptions& options)
    : folder_(local_model(folder)),
      loaded_(load(folder_, options)),
      runner_(*loaded_.model),
      batch_size_(options.batch_size),
      tasks_(public_tasks(loaded_.description.tasks)),
      tokenizer_(wrap(*loaded_.tokenizer)) {}

std::vector<int> PredictingFolder::find_text_tasks(const std::string& names,
                                                   const std::string& flag) const {
  return pals::find_text_tasks(loaded_.description.tasks, names, flag);
}

std::vector<int> PredictingFolder::find_tasks(const std::string& names,
                                              const std::string& flag) const {
  return pals::find_tasks(loaded_.description.tasks, names, flag);
}

size_t PredictingFolder::find_text_task(const std::string& name) const {
  const std::vector<pals::Task>& tasks = loaded_.description.tasks;
  const int index = pals::find_task(tasks, name, "task");
  find_text_tasks(tasks[static_cast<size_t>(index)].name, "task");  // refuses other kinds
  return static_cast<size_t>(index);
}

size_t PredictingFolder::find_task(const std::string& name, TaskKind kind) const {
  const std::vector<pals::Task>& tasks = loaded_.description.tasks;
  const auto index = static_cast<size_t>(pals::find_task(tasks, name, "task"));
  if (tasks_[index].kind != kind) {
    fail_usage("task: ", quote(tasks[index].name), " is of the kind ", kind_name(tasks[index].kind),
               ", expected ", kind_name(static_cast<pals::TaskKind>(kind)));
  }
  return index;
}

std::vector<Prediction> PredictingFolder::ask(const std::vector<pals::Example>& texts,
                                              const std::vector<int>& tasks,
                                              const std::stop_token& stop) const {
  const Predictor predictor(
      predicting_model(loaded_, runner_), tasks,
      {.batch_size = batch_size_, .threads = at::get_num_threads(), .stop = stop});
  std::vector<Prediction> predictions;
  for (pals::Prediction& given : predictor.predict(predictor.encode(texts))) {
    predictions.push_back(public_prediction(std::move(given)));
  }
  return predictions;
}

std::vector<float> PredictingFolder::vectors(const std::vector<pals::Example>& texts,
                                             const std::string& task,
                                             const VectorOptions& options) const {
  const int number = pals::find_task(loaded_.description.tasks, task, "task");
  const MultiTaskModel& model = *loaded_.model;
  check_length(options.max_seq_length, model.bert_config(), "max_seq_length", folder_);
  const int length = options.max_seq_length > 0 ? options.max_seq_length : max_seq_length();
  const auto rows =
      std::make_shared<const FeatureSet>(make_features(texts, *loaded_.tokenizer, length));
  // Both enumerations have one order (api_test.cpp).
  return run_vectors(runner_, number, rows,
                     {static_cast<pals::Pooling>(options.pooling), options.normalize},
                     {.batch_size = batch_size_, .stop = options.stop});
}

}  // namespace pals::api
