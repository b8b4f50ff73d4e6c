// What is converted: a checkpoint of any format, checked against the model it is meant for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tensor_file.h"
#include "model/folder_writer.h"
#include "model/multi_task_model.h"
#include "settings/tool_options.h"
#include "text/tokenizer.h"

namespace pals {

/// A checkpoint in one shape, wherever it came from.
struct ConvertSource {
  ModelDescription description;  ///< without tasks if only the file's heads are known
  std::string format;
  std::optional<Tokenizer> tokenizer;  ///< none if no vocabulary was found
  bool single_head = false;  ///< of the reference's single-task classes (`classifier.weight`)
  int num_tasks = 0;
  std::vector<std::string> left_out, missing;
  TensorFile file;                        ///< memory of the tensors
  std::vector<TensorFile> memory;         ///< the same, where they come from several files
  std::unique_ptr<MultiTaskModel> model;  ///< for its table; its weights are never touched
  std::vector<TensorEntry> rows;          ///< see ModelTensors

  ModelTensors tensors() const { return {model->arena().table(), rows}; }
};

/// Puts the outputs of the only task's classifier into this order; an empty one changes nothing.
void order_outputs(const std::vector<int64_t>& order, ConvertSource& source);

/// Reads and checks everything; nothing is written. Throws UsageError for flags that are missing or
/// contradict the checkpoint, Error that names each tensor for what is missing, unexpected or of
/// another shape than the configuration and the tasks say.
ConvertSource read_convert_source(const ConvertOptions& options);

}  // namespace pals
