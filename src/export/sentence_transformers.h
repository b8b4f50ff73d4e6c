// A model of embeddings as sentence-transformers keeps it.
#pragma once

#include <string>

#include "export/companions.h"
#include "export/exported_model.h"
#include "options/choices.h"

namespace pals {

/// How the vectors of tokens become one of a text, as in `pals features`.
struct SentenceSettings {
  Pooling pooling = Pooling::kMean;
  bool normalize = false;
};

/// Writes the folder that SentenceTransformer(FOLDER) opens: the encoder, with the task's adapter
/// if there is a task, and modules.json with the folders of the modules behind it. Throws Error for
/// kPooled where the model has no pooler.
void write_sentence_transformers_files(const std::string& folder, const ExportedModel& model,
                                       const ExportedTask& task, const SentenceSettings& settings);

}  // namespace pals
