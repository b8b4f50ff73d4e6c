#include "serve/truncation.h"

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

}  // namespace

void check_truncation(const ServedModel& model, const Json& body,
                      const std::vector<Example>& texts) {
  const std::string side = ascii_lower(string_field(body, "truncation_direction", "right"));
  if (side != "right") {
    refuse("`truncation_direction` must be \"right\": texts are cut at their end");
  }
  if (flag_field(body, "truncate", true)) return;
  const auto most = static_cast<size_t>(model.max_seq_length);
  for (const Example& text : texts) {
    const size_t b = text.text_b.empty() ? 0 : count_tokens(model, text.text_b) + 1;
    const size_t tokens = count_tokens(model, text.text_a) + 2 + b;
    if (tokens <= most) continue;
    throw ServeError(
        413, "validation",
        concat("a text has more than the ", most, " tokens of a row, and `truncate` is false"));
  }
}

}  // namespace pals
