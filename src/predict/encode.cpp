#include "predict/encode.h"

#include <algorithm>

namespace pals {

TextEncoder::TextEncoder(const TextRules& rules, const std::vector<RowForm>& forms)
    : rules_(rules) {
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
  for (auto& [form, features] : distinct_) {
    const std::vector<std::string>& contexts = features->texts.questions.contexts;
    const size_t before = contexts.size();
    kind_of(form.kind).encode(form, text.texts, rules_, *features);
    if (contexts.size() > before) context_bytes_ += contexts.back().size();
  }
  texts_.ids.push_back(text.id);
  ++texts_.num_texts;
}

void TextEncoder::add_bad(BadRow row) {
  row.place = texts_.num_texts;
  texts_.bad.push_back(std::move(row));
}

EncodedRows TextEncoder::finish() {
  texts_.features.assign(features_.begin(), features_.end());
  return std::move(texts_);
}

}  // namespace pals
