#include <pals/multi_task.h>
#include <pals/multiple_choice.h>
#include <pals/question_answering.h>
#include <pals/sequence_classification.h>

#include <utility>

#include "api/predicting_folder.h"
#include "api/rethrow.h"

namespace pals::api {
namespace {

using FolderPtr = std::shared_ptr<const PredictingFolder>;

FolderPtr load(const std::string& folder, const ModelOptions& options) {
  return rethrown([&] { return std::make_shared<const PredictingFolder>(folder, options); });
}

std::vector<pals::Example> examples_of(const std::vector<TextPair>& texts) {
  std::vector<pals::Example> examples(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    examples[i].text_a = texts[i].a;
    examples[i].text_b = texts[i].b;
  }
  return examples;
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

std::vector<std::vector<Prediction>> MultiTaskPredictor::predict(const std::vector<TextPair>& texts,
                                                                 const std::string& tasks) const {
  return rethrown([&] {
    const std::vector<int> asked = folder_->find_text_tasks(tasks, "tasks");
    std::vector<Prediction> all = folder_->ask(examples_of(texts), asked);
    std::vector<std::vector<Prediction>> by_text(texts.size());
    for (size_t i = 0; i < all.size(); ++i) {
      by_text[i / asked.size()].push_back(std::move(all[i]));
    }
    return by_text;
  });
}

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
