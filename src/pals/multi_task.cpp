#include "pals/multi_task.h"

#include <ATen/Parallel.h>

#include "base/error.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "nn/device.h"
#include "predict/find_task.h"
#include "predict/predictor.h"
#include "train/setup.h"

namespace pals {

namespace {

LoadedModel load(const std::string& folder, const ModelOptions& options) {
  const at::Device device = choose_device(options.device);
  return load_model_folder(folder, parse_precision(options.precision, device), device);
}

}  // namespace

MultiTaskPredictor::MultiTaskPredictor(const std::string& folder, const ModelOptions& options)
    : loaded_(std::make_shared<const LoadedModel>(load(folder, options))),
      batch_size_(options.batch_size) {
  if (batch_size_ < 1) fail_usage("batch_size: ", batch_size_, ", expected 1 or more");
}

const std::vector<Task>& MultiTaskPredictor::tasks() const { return loaded_->description.tasks; }

const Tokenizer& MultiTaskPredictor::tokenizer() const { return *loaded_->tokenizer; }

int MultiTaskPredictor::max_seq_length() const { return loaded_->description.max_seq_length; }

std::vector<std::vector<Prediction>> MultiTaskPredictor::predict(const std::vector<TextPair>& texts,
                                                                 const std::string& tasks) const {
  find_text_tasks(this->tasks(), tasks, "tasks");  // refuses other kinds
  std::vector<Example> examples(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    examples[i].text_a = texts[i].a;
    examples[i].text_b = texts[i].b;
  }
  return predict_examples(examples, tasks);
}

std::vector<std::vector<Prediction>> MultiTaskPredictor::predict_examples(
    const std::vector<Example>& examples, const std::string& tasks) const {
  const ModelRunner runner(*loaded_->model);
  const Predictor predictor(predicting_model(*loaded_, runner),
                            find_tasks(this->tasks(), tasks, "tasks"),
                            {.batch_size = batch_size_, .threads = at::get_num_threads()});
  std::vector<Prediction> all = predictor.predict(predictor.encode(examples));

  std::vector<std::vector<Prediction>> by_text(examples.size());
  for (size_t i = 0; i < all.size(); ++i) {
    by_text[i / predictor.tasks().size()].push_back(std::move(all[i]));
  }
  return by_text;
}

}  // namespace pals
