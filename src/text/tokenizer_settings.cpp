#include "text/tokenizer_settings.h"

#include <unicode/uchar.h>

#include <string_view>

#include "base/utf8.h"

namespace pals {
namespace {

bool is_whole_word(std::string_view token) {
  const bool special = (token.starts_with('[') && token.ends_with(']')) ||
                       (token.starts_with('<') && token.ends_with('>'));
  return !special && !token.starts_with("##");
}

// Letters without a small form, such as a double-struck capital R, stand in lower-cased texts too.
bool has_capitals(std::string_view word) {
  const char* at = word.data();
  const char* const end = at + word.size();
  while (at < end) {
    const CodePoint code = decode_utf8(at, end);
    const auto value = static_cast<UChar32>(code.value);
    if (u_tolower(value) != value) return true;
    at += code.size;
  }
  return false;
}

}  // namespace

std::optional<std::string> find_cased_word(const Vocabulary& vocabulary) {
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& token = vocabulary.token(id);
    if (is_whole_word(token) && has_capitals(token)) return token;
  }
  return std::nullopt;
}

}  // namespace pals
