#include "text/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode_rules.h"

namespace pals {
namespace {

bool ends_in_word(std::string_view text) {
  return !text.empty() &&
         is_word_character(decode_utf8_before(text.data(), text.data() + text.size()).value);
}

bool begins_with_word(std::string_view text) {
  return !text.empty() &&
         is_word_character(decode_utf8(text.data(), text.data() + text.size()).value);
}

}  // namespace

void AddedTokens::add(const std::string& text, int32_t id, bool single_word) {
  if (text.empty() || !tokens_.emplace(text, Token{id, single_word}).second) return;
  std::vector<size_t>& lengths = lengths_[static_cast<unsigned char>(text.front())];
  const auto place = std::ranges::lower_bound(lengths, text.size(), std::ranges::greater());
  if (place == lengths.end() || *place != text.size()) lengths.insert(place, text.size());
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size();) {
    size_t next = at + 1;
    for (const size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
      if (length > text.size() - at) continue;
      const auto token = tokens_.find(text.substr(at, length));
      if (token == tokens_.end()) continue;
      const size_t end = at + length;
      const bool inside = token->second.single_word &&
                          (ends_in_word(text.substr(0, at)) || begins_with_word(text.substr(end)));
      if (!inside) return Match{at, end, token->second.id};
      next = end;
      break;
    }
    at = next;
  }
  return std::nullopt;
}

}  // namespace pals
