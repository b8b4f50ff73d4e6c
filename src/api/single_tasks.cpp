#include <pals/multi_task.h>
#include <pals/multiple_choice.h>
#include <pals/question_answering.h>
#include <pals/sequence_classification.h>

#include <utility>

#include "api/examples.h"
#include "api/predicting_folder.h"
#include "api/rethrow.h"

namespace pals::api {
namespace {

using FolderPtr = std::shared_ptr<const PredictingFolder>;

FolderPtr load(const std::string& folder, const ModelOptions& options) {
  return rethrown([&] { return std::make_shared<const PredictingFolder>(folder, options); });
}

// Of texts x tasks predictions those of each text.
std::vector<std::vector<Prediction>> by_text(std::vector<Prediction> all, size_t num_texts) {
  std::vector<std::vector<Prediction>> given(num_texts);
  for (size_t i = 0; i < all.size(); ++i) {
    given[i * num_texts / all.size()].push_back(std::move(all[i]));
  }
  return given;
}

Prediction ask_one(const PredictingFolder& folder, const pals::Example& text, size_t task) {
  return rethrown([&] { return std::move(folder.ask({text}, {static_cast<int>(task)}).front()); });
}

}  // namespace

MultiTaskPredictor::MultiTaskPredictor(const std::string& folder, const ModelOptions& options)
    : folder_(load(folder, options)) {}

const std::vector<Task>& MultiTaskPredictor::tasks() const { return folder_->tasks(); }
const Tokenizer& MultiTaskPredictor::tokenizer() const { return folder_->tokenizer(); }
int MultiTaskPredictor::max_seq_length() const { return folder_->max_seq_length(); }

std::vector<std::vector<Prediction>> MultiTaskPredictor::predict(
    const std::vector<TextPair>& texts, const std::string& tasks,
    const std::stop_token& stop) const {
  return rethrown([&] {
    const std::vector<int> asked = folder_->find_text_tasks(tasks, "tasks");
    return by_text(folder_->ask(examples_of(texts), asked, stop), texts.size());
  });
}

std::vector<std::vector<Prediction>> MultiTaskPredictor::predict_examples(
    const std::vector<Example>& examples, const std::string& tasks,
    const std::stop_token& stop) const {
  return rethrown([&] {
    const std::vector<int> asked = folder_->find_tasks(tasks, "tasks");
    return by_text(folder_->ask(examples_of(examples), asked, stop), examples.size());
  });
}

std::vector<float> MultiTaskPredictor::vectors(const std::vector<TextPair>& texts,
                                               const std::string& task,
                                               const VectorOptions& options) const {
  return rethrown([&] { return folder_->vectors(examples_of(texts), task, options); });
}

int64_t MultiTaskPredictor::hidden_size() const { return folder_->hidden_size(); }
bool MultiTaskPredictor::on_gpu() const { return folder_->on_gpu(); }

SequenceClassifier::SequenceClassifier(const std::string& folder, const std::string& task,
                                       const ModelOptions& options)
    : folder_(load(folder, options)),
      task_(rethrown([&] { return folder_->find_text_task(task); })) {}

const Task& SequenceClassifier::task() const { return folder_->tasks()[task_]; }

std::vector<Prediction> SequenceClassifier::classify(const std::vector<TextPair>& texts) const {
  return rethrown([&] { return folder_->ask(examples_of(texts), {static_cast<int>(task_)}); });
}

QuestionAnswerer::QuestionAnswerer(const std::string& folder, const std::string& task,
                                   const ModelOptions& options)
    : folder_(load(folder, options)),
      task_(rethrown([&] { return folder_->find_task(task, TaskKind::kSpan); })) {}

const Task& QuestionAnswerer::task() const { return folder_->tasks()[task_]; }

PredictedAnswer QuestionAnswerer::answer(std::string_view question,
                                         std::string_view context) const {
  pals::Example text;
  text.text_a = question;
  text.text_b = context;
  return ask_one(*folder_, text, task_).answer;
}

MultipleChoice::MultipleChoice(const std::string& folder, const std::string& task,
                               const ModelOptions& options)
    : folder_(load(folder, options)),
      task_(rethrown([&] { return folder_->find_task(task, TaskKind::kMultipleChoice); })) {}

const Task& MultipleChoice::task() const { return folder_->tasks()[task_]; }

Prediction MultipleChoice::choose(const Example& question) const {
  if (question.choices.empty()) throw UsageError("choose: no choices");
  pals::Example text;
  text.text_a = question.text_a;
  text.text_b = question.text_b;
  text.choices = question.choices;
  return ask_one(*folder_, text, task_);
}

}  // namespace pals::api
