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

/// A row of the input that could not be read.
struct BadRow {
  int64_t place = 0;  ///< how many of the texts come before it
  int64_t line = 0;   ///< of the input, from 1
  std::string error;
};

/// Some texts and their rows in the forms that were asked for. A text is an example of each form,
/// but of a span's, where each part of its context is one (append_question).
struct EncodedRows {
  int64_t num_texts = 0;
  std::vector<FeaturesPtr> features;  ///< a form each; equal forms share theirs
  std::vector<std::string> ids;       ///< of the texts
  std::vector<BadRow> bad;            ///< in order; no text has their ids and features
  int64_t first_row = 0;              ///< rows of the input that come before all these
};

/// Encodes texts one after another, each once for all tasks of a form. One thread uses it.
class TextEncoder {
 public:
  /// The members of `rules` must outlive the encoder.
  TextEncoder(const TextRules& rules, const std::vector<RowForm>& forms);

  /// UsageError for what a form needs and the text lacks (choices).
  void add(const InputRow& text);

  /// Notes a row without a text in its place; BadRow::place is filled in.
  void add_bad(BadRow row);

  /// Rows of the input that come before what is added.
  void set_first_row(int64_t row) { texts_.first_row = row; }

  int64_t num_texts() const { return texts_.num_texts; }
  /// Whether neither a text nor a bad row was added.
  bool empty() const { return texts_.num_texts == 0 && texts_.bad.empty(); }
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
