// Texts as a model's rows: the first part of a prediction. Needs no model; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/features.h"
#include "predict/text_input.h"
#include "tasks/squad.h"
#include "text/tokenizer.h"

namespace pals {

/// How the rows of a task are made of a text. Tasks that agree in it share their rows.
struct RowForm {
  TaskKind kind = TaskKind::kClassification;  ///< never a regression: its rows are the same
  SpanOptions span = {};

  bool operator==(const RowForm&) const = default;
};

/// The form of a task's rows.
RowForm row_form(const Task& task);

/// Some texts and their rows in the forms that were asked for. A text is an example of each form,
/// but of a span's, where each part of its context is one (make_span_features).
struct EncodedRows {
  int64_t num_texts = 0;
  std::vector<FeaturesPtr> features;  ///< a form each; equal forms share theirs
  QuestionSet questions;              ///< the texts, if a form is a span's
  std::vector<std::string> ids;       ///< of the texts
};

/// Encodes texts one after another, each once for all tasks of a form. One thread uses it.
class TextEncoder {
 public:
  /// Rows are cut to `max_seq_length`. `tokenizer` must outlive the encoder.
  TextEncoder(const Tokenizer& tokenizer, int max_seq_length, const std::vector<RowForm>& forms);

  /// UsageError if a form needs choices and the text has none.
  void add(const InputRow& text);

  int64_t num_texts() const { return num_texts_; }
  /// The most rows that a form has, without those of spans, whose contexts take `context_bytes()`.
  int64_t num_rows() const;
  size_t context_bytes() const { return context_bytes_; }

  /// All that was added. To be called once.
  EncodedRows finish();

 private:
  void add_question(const InputRow& text);

  const Tokenizer& tokenizer_;
  int max_seq_length_;
  std::vector<std::shared_ptr<FeatureSet>> features_;
  std::vector<std::pair<RowForm, std::shared_ptr<FeatureSet>>> distinct_;
  EncodedRows texts_;
  int64_t num_texts_ = 0;
  size_t context_bytes_ = 0;
};

}  // namespace pals
