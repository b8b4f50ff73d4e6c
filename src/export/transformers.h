// A model as transformers keeps it.
#pragma once

#include <string>

#include "export/companions.h"
#include "export/exported_model.h"

namespace pals {

/// Whether the tensors of a task's head are written, or those below it alone.
enum class ExportedPart { kWithHead, kEncoder };

/// Writes what AutoModel...from_pretrained reads into a folder: config.json, model.safetensors, the
/// tokenizer's files, and for a task whose model is more than BERT with a head modeling_pals.py.
/// REQUIRES: a task with an adapter of LoRA was folded.
void write_transformers_files(const std::string& folder, const ExportedModel& model,
                              const ExportedTask& task,
                              ExportedPart part = ExportedPart::kWithHead);

}  // namespace pals
