// Texts as tokens and back: /tokenize and /decode. Nothing is computed.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "serve/body.h"
#include "serve/work.h"
#include "text/token_places.h"

namespace pals {
namespace {

constexpr size_t kMostIds = size_t{1} << 20;

bool is_special(const Vocabulary& vocabulary, int32_t id) {
  return id == vocabulary.cls_id() || id == vocabulary.sep_id() || id == vocabulary.pad_id();
}

/// Word pieces put together: "##ing" goes on, everything else begins a word.
std::string text_of_ids(const Vocabulary& vocabulary, const Json& ids, bool skip_special) {
  if (!ids.is_array() || ids.size() > kMostIds) refuse("`ids` must be lists of numbers");
  std::string text;
  for (const Json& value : ids) {
    const bool fits = value.is_number_integer() && value >= 0 && value < vocabulary.size();
    if (!fits) refuse(concat("`ids` must be numbers from 0 to ", vocabulary.size() - 1));
    const auto id = value.get<int32_t>();
    if (skip_special && is_special(vocabulary, id)) continue;
    const std::string& token = vocabulary.token(id);
    if (token.starts_with("##") && !text.empty()) {
      text += token.substr(2);
    } else {
      text += (text.empty() ? "" : " ") + token;
    }
  }
  return text;
}

OrderedJson special_token(const Vocabulary& vocabulary, int32_t id) {
  return {{"id", id},
          {"text", vocabulary.token(id)},
          {"special", true},
          {"start", nullptr},
          {"stop", nullptr}};
}

/// With the token's own bytes of the text, as text-embeddings-inference gives them.
OrderedJson token_of_text(const Vocabulary& vocabulary, int32_t id, const std::string& text,
                          const std::optional<TokenPlace>& place) {
  if (!place) {
    return {{"id", id},
            {"text", vocabulary.token(id)},
            {"special", false},
            {"start", nullptr},
            {"stop", nullptr}};
  }
  return {{"id", id},
          {"text", text.substr(place->begin, place->end - place->begin)},
          {"special", false},
          {"start", place->begin},
          {"stop", place->end}};
}

}  // namespace

Work tokenize_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  const std::vector<std::string> texts =
      text_list(need_field(body, "inputs"), "inputs", limits.max_client_batch_size);
  const bool with_special = flag_field(body, "add_special_tokens", true);
  const Vocabulary& vocabulary = model.tokenizer->vocabulary();
  OrderedJson answer = OrderedJson::array();
  for (const std::string& text : texts) {
    std::vector<int32_t> ids;
    model.tokenizer->encode(text, ids);
    const auto places = token_places(*model.tokenizer, text, ids);
    OrderedJson tokens = OrderedJson::array();
    if (with_special) tokens.push_back(special_token(vocabulary, vocabulary.cls_id()));
    for (size_t i = 0; i < ids.size(); ++i) {
      tokens.push_back(token_of_text(vocabulary, ids[i], text, places[i]));
    }
    if (with_special) tokens.push_back(special_token(vocabulary, vocabulary.sep_id()));
    answer.push_back(std::move(tokens));
  }
  return {.answer = [text = json_text(answer, -1)](const Job&) { return text; },
          .texts = static_cast<int64_t>(texts.size())};
}

Work decode_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  const Json& ids = need_field(body, "ids");
  const bool skip_special = flag_field(body, "skip_special_tokens", true);
  if (!ids.is_array()) refuse("`ids` must be a list of numbers, or a list of such lists");
  const bool is_list = !ids.empty() && ids[0].is_array();
  if (is_list) check_count(ids.size(), "ids", limits.max_client_batch_size);
  const Json texts = is_list ? ids : Json::array({ids});
  OrderedJson answer = OrderedJson::array();
  for (const Json& own : texts) {
    answer.push_back(text_of_ids(model.tokenizer->vocabulary(), own, skip_special));
  }
  return {.answer = [text = json_text(answer, -1)](const Job&) { return text; },
          .texts = static_cast<int64_t>(texts.size())};
}

}  // namespace pals
