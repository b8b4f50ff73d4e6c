// A model as an ONNX file.
#pragma once

#include <string>

#include "export/companions.h"
#include "export/exported_model.h"

namespace pals {

/// Writes the graph of the chosen task, or of all tasks where none is chosen, or of the encoder
/// where the model has none. Inputs: input_ids, attention_mask, token_type_ids, int64 [batch,
/// sequence]. Outputs, fp32, with the name of the task and a dot in front where there are several:
/// `logits` [batch, outputs], of taggings [batch, sequence, outputs]; of spans `start_logits` and
/// `end_logits` [batch, sequence]; of an encoder `last_hidden_state` and `pooler_output`. The same
/// model gives the same bytes. Throws Error as write_onnx does.
void write_onnx_model(const std::string& path, const ExportedModel& model,
                      const ExportedTask& task);

/// Writes model.onnx into a folder, the tokenizer's files, and of one task or an encoder
/// config.json.
void write_onnx_folder_files(const std::string& folder, const ExportedModel& model,
                             const ExportedTask& task);

}  // namespace pals
