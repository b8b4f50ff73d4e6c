#include "predict/encode.h"

#include <algorithm>

#include "base/error.h"
#include "data/span_features.h"

namespace pals {

RowForm row_form(const Task& task) {
  const bool text = task.kind == TaskKind::kRegression;
  return {text ? TaskKind::kClassification : task.kind, task.span};
}

TextEncoder::TextEncoder(const Tokenizer& tokenizer, int max_seq_length,
                         const std::vector<RowForm>& forms)
    : tokenizer_(tokenizer), max_seq_length_(max_seq_length) {
  for (auto form = forms.begin(); form != forms.end(); ++form) {
    const auto same = static_cast<size_t>(std::find(forms.begin(), form, *form) - forms.begin());
    const bool is_new = same == features_.size();
    features_.push_back(is_new ? std::make_shared<FeatureSet>() : features_[same]);
    if (is_new) distinct_.emplace_back(*form, features_.back());
  }
}

int64_t TextEncoder::num_rows() const {
  int64_t rows = 0;
  for (const auto& features : features_) rows = std::max(rows, features->num_rows());
  return rows;
}

void TextEncoder::add(const InputRow& text) {
  bool spans = false;
  for (auto& [form, features] : distinct_) {
    if (form.kind == TaskKind::kSpan) {
      spans = true;
    } else if (form.kind == TaskKind::kMultipleChoice) {
      if (text.texts.choices.empty()) fail_usage("choices are missing: a task chooses among them");
      encode_example(text.texts, tokenizer_, max_seq_length_, *features);
    } else {
      features->end_row(encode_pair(tokenizer_, text.texts.text_a, text.texts.text_b,
                                    max_seq_length_, features->token_ids));
      features->end_example({});
    }
  }
  if (spans) add_question(text);
  texts_.ids.push_back(text.id);
  ++num_texts_;
}

void TextEncoder::add_question(const InputRow& text) {
  QuestionSet& questions = texts_.questions;
  const std::string& context = text.texts.text_b;
  context_bytes_ += context.size();
  // Questions about one context tend to follow one another.
  if (questions.contexts.empty() || questions.contexts.back() != context) {
    questions.contexts.push_back(context);
  }
  const auto place = static_cast<int32_t>(questions.contexts.size()) - 1;
  questions.questions.push_back({text.id, text.texts.text_a, place, {}});
}

EncodedRows TextEncoder::finish() {
  for (auto& [form, features] : distinct_) {
    if (form.kind != TaskKind::kSpan) continue;
    *features =
        make_span_features(texts_.questions, form.span, false, tokenizer_, max_seq_length_, 1);
  }
  texts_.num_texts = num_texts_;
  texts_.features.assign(features_.begin(), features_.end());
  return std::move(texts_);
}

}  // namespace pals
