// A model folder and what it predicts, behind the headers of single jobs.
#pragma once

#include <pals/tokenizer.h>
#include <pals/types.h>

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
  /// The number of one such task; an empty name means the only task. UsageError as find_task, too.
  size_t find_text_task(const std::string& name) const;
  /// The number of a task of that kind; an empty name means the only task. UsageError as find_task,
  /// and for other kinds.
  size_t find_task(const std::string& name, TaskKind kind) const;

  /// What the tasks of these numbers say: texts x tasks predictions, text by text.
  std::vector<Prediction> ask(const std::vector<pals::Example>& texts,
                              const std::vector<int>& tasks) const;

 private:
  LoadedModel loaded_;
  ModelRunner runner_;
  int64_t batch_size_;
  std::vector<Task> tasks_;
  Tokenizer tokenizer_;
};

}  // namespace pals::api
