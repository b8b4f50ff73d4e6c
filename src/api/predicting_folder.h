// A model folder and what it predicts, behind the headers of single jobs.
#pragma once

#include <pals/tokenizer.h>
#include <pals/types.h>

#include <stop_token>
#include <string>
#include <vector>

#include "model/model_runner.h"
#include "model/open.h"

namespace pals::api {

class PredictingFolder {
 public:
  /// Throws as load_model_folder, choose_device and choose_precision.
  PredictingFolder(const std::string& folder, const ModelOptions& options);

  const std::vector<Task>& tasks() const { return tasks_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  int max_seq_length() const { return loaded_.description.max_seq_length; }

  /// The numbers of tasks that read texts and pairs: "a,b" or "all". UsageError as find_text_tasks.
  std::vector<int> find_text_tasks(const std::string& names, const std::string& flag) const;
  /// The same of tasks of any kind. UsageError as find_tasks.
  std::vector<int> find_tasks(const std::string& names, const std::string& flag) const;
  /// The number of one task that reads texts and pairs; an empty name means the only task.
  /// UsageError as find_task, too.
  size_t find_text_task(const std::string& name) const;
  /// The number of a task of that kind; an empty name means the only task. UsageError as find_task,
  /// and for other kinds.
  size_t find_task(const std::string& name, TaskKind kind) const;

  /// What the tasks of these numbers say: texts x tasks predictions, text by text.
  std::vector<Prediction> ask(const std::vector<pals::Example>& texts,
                              const std::vector<int>& tasks,
                              const std::stop_token& stop = {}) const;

  /// A vector for each text, with a task's adapter. UsageError as find_task and check_length.
  std::vector<float> vectors(const std::vector<pals::Example>& texts, const std::string& task,
                             const VectorOptions& options) const;
  int64_t hidden_size() const { return runner_.hidden_size(); }
  bool on_gpu() const { return !loaded_.model->device().is_cpu(); }

 private:
  std::string folder_;
  LoadedModel loaded_;
  ModelRunner runner_;
  int64_t batch_size_;
  std::vector<Task> tasks_;
  Tokenizer tokenizer_;
};

}  // namespace pals::api
