#include "serve/truncation.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "serve/body.h"

namespace pals {
namespace {

size_t count_tokens(const ServedModel& model, const std::string& text) {
  std::vector<int32_t> ids;
  model.tokenizer->encode(text, ids, static_cast<size_t>(model.max_seq_length) + 1);
  return ids.size();
}

/// Tokens of the longest row that a text would be if rows had no end.
size_t count_row_tokens(const ServedModel& model, const Example& text) {
  size_t second = text.text_b.empty() ? 0 : count_tokens(model, text.text_b) + 1;
  for (const std::string& choice : text.choices) {
    second = std::max(second, count_tokens(model, concat(text.text_b, " ", choice)) + 1);
  }
  return count_tokens(model, text.text_a) + 2 + second;
}

}  // namespace

TextRules rules_for(const ServedModel& model, const Json& body,
                    const std::vector<Example>& cut_texts) {
  TextRules rules = model.rules();
  const std::string side = ascii_lower(string_field(body, "truncation_direction", "right"));
  if (side != "right" && side != "left") {
    refuse("`truncation_direction` must be \"right\" or \"left\"");
  }
  if (side == "left") rules.truncation = Truncation::kStart;
  if (flag_field(body, "truncate", true)) return rules;
  const auto most = static_cast<size_t>(model.max_seq_length);
  for (const Example& text : cut_texts) {
    if (count_row_tokens(model, text) <= most) continue;
    throw ServeError(
        413, "validation",
        concat("a text has more than the ", most, " tokens of a row, and `truncate` is false"));
  }
  return rules;
}

}  // namespace pals
