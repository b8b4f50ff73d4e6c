// What a model says of texts for one or several tasks: labels, values, answers and choices. The
// four parts of a prediction in one call: encode, run, decode; render makes text of the result.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "kinds/kind.h"
#include "predict/encode.h"
#include "predict/run.h"
#include "predict/runner.h"
#include "tasks/task.h"

namespace pals {

/// A model to predict with: its network behind a Runner, everything else plain. The members must
/// outlive its users.
struct PredictingModel {
  const Runner& runner;
  const std::vector<Task>& tasks;  ///< by the numbers that the runner knows them by
  TextRules rules;
};

struct PredictorOptions {
  int64_t batch_size = 32;  ///< examples of a batch at most
  int threads = 1;          ///< that decode; 0: all cores
  std::stop_token stop = {};
};

/// Asks a model for some of its tasks.
class Predictor {
 public:
  /// `tasks` are indices.
  Predictor(const PredictingModel& model, std::vector<int> tasks, PredictorOptions options);

  /// The asked tasks, in their order.
  const std::vector<const Task*>& tasks() const { return asked_; }

  /// The forms of rows that the tasks need, one for each.
  std::vector<RowForm> forms() const;

  /// The rows of texts in these forms.
  EncodedRows encode(const std::vector<Example>& texts) const;

  /// What each task says of each text of rows in these forms: texts x tasks predictions, text by
  /// text. Batches mix tasks. Throws Error once `stop` is requested.
  std::vector<Prediction> predict(const EncodedRows& rows) const;

 private:
  /// The logits of each task's head for its rows.
  std::vector<Logits> run_heads(const EncodedRows& rows) const;

  PredictingModel model_;
  std::vector<int> tasks_;
  std::vector<const Task*> asked_;
  PredictorOptions options_;
};

}  // namespace pals
