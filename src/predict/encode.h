// Texts as a model's rows: the first part of a prediction. Needs no model; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "features/features.h"
#include "kinds/kind.h"
#include "predict/text_input.h"

namespace pals {

/// Some texts and their rows in the forms that were asked for. A text is an example of each form,
/// but of a span's, where each part of its context is one (append_question).
struct EncodedRows {
  int64_t num_texts = 0;
  std::vector<FeaturesPtr> features;  ///< a form each; equal forms share theirs
  std::vector<std::string> ids;       ///< of the texts
};

/// Encodes texts one after another, each once for all tasks of a form. One thread uses it.
class TextEncoder {
 public:
  /// The members of `rules` must outlive the encoder.
  TextEncoder(const TextRules& rules, const std::vector<RowForm>& forms);

  /// UsageError for what a form needs and the text lacks (choices).
  void add(const InputRow& text);

  int64_t num_texts() const { return texts_.num_texts; }
  /// The most rows that a form has.
  int64_t num_rows() const;
  /// The contexts that are kept with the rows.
  size_t context_bytes() const { return context_bytes_; }

  /// All that was added. To be called once.
  EncodedRows finish();

 private:
  TextRules rules_;
  std::vector<std::shared_ptr<FeatureSet>> features_;
  std::vector<std::pair<RowForm, std::shared_ptr<FeatureSet>>> distinct_;
  EncodedRows texts_;
  size_t context_bytes_ = 0;
};

}  // namespace pals
