// What a model says of texts for one or several tasks: labels, values, answers and choices.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/open.h"
#include "predict/prediction.h"
#include "predict/windows.h"
#include "tasks/task.h"

namespace pals {

/// Softmax of the logits of a text's classes or of a question's choices; a regression's output
/// times label_scale.
Prediction make_prediction(const Task& task, std::span<const float> logits);

/// {"label": ..., "probabilities": {...}}, {"value": ...}, {"choice": ..., "probabilities": [...]}
/// or {"answer": ..., "probability": ..., "score": ...}, for unanswerable questions with
/// "null_odds".
OrderedJson prediction_to_json(const Task& task, const Prediction& prediction);

/// "label<tab>probability", "value", "choice<tab>probability" or
/// "answer<tab>probability<tab>score", numbers with 4 decimals.
std::string prediction_to_tsv(const Task& task, const Prediction& prediction);

/// The columns of prediction_to_tsv under the task's name: "sst.label<tab>sst.probability".
std::string tsv_columns(const Task& task);

/// A text in a TSV field: tabs and line ends become blanks.
std::string tsv_text(std::string text);

/// The index of a task. An empty name means the only one. UsageError for an unknown name and where
/// a name is needed; `flag` stands in front.
int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag);

/// The indices of "a,b" in that order, or of all tasks for "all". UsageError as find_task and for a
/// task named twice.
std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag);

/// The same; UsageError for tasks that are neither classification nor regression.
std::vector<int> find_text_tasks(const std::vector<Task>& tasks, const std::string& names,
                                 const std::string& flag);

/// Asks a model for some of its tasks.
class Predictor {
 public:
  /// `tasks` are indices; batches have at most `batch_size` examples. `loaded` must outlive this.
  Predictor(const LoadedModel& loaded, std::vector<int> tasks, int64_t batch_size)
      : loaded_(loaded), tasks_(std::move(tasks)), batch_size_(batch_size) {}

  /// The forms of rows that the tasks need, one for each.
  std::vector<RowForm> forms() const;

  /// What each task says of each text of a window of these forms: texts x tasks predictions, text
  /// by text. Batches mix tasks.
  std::vector<Prediction> predict(const Window& window) const;

 private:
  /// The outputs of each task's head for its rows, as run_rows() gives them. Where tasks differ in
  /// their heads alone, those that ask the same rows share one pass.
  std::vector<std::vector<float>> run_heads(const Window& window) const;

  const Task& task(size_t place) const {
    return loaded_.description.tasks[static_cast<size_t>(tasks_[place])];
  }

  const LoadedModel& loaded_;
  std::vector<int> tasks_;
  int64_t batch_size_;
};

}  // namespace pals
