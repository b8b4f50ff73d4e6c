#include "check/fold.h"

#include <array>

#include "base/utf8.h"
#include "text/char_table.h"

namespace pals {
namespace {

const CharTable& table() {
  static const CharTable& table = CharTable::get({.strip_accents = false});
  return table;
}

/// What the table says of ASCII, where nearly all characters are.
const std::array<CharRule, 128>& ascii_rules() {
  static const std::array<CharRule, 128> rules = [] {
    std::array<CharRule, 128> made;
    for (char32_t code = 0; code < made.size(); ++code) made[code] = table()[code];
    return made;
  }();
  return rules;
}

void append_code(char32_t code, std::string& text) {
  char bytes[4];
  text.append(bytes, static_cast<size_t>(write_utf8(code, bytes) - bytes));
}

/// Appends the ASCII letters and digits that follow, several at once, and passes over them.
void append_ascii_word(const char*& at, const char* end, std::string& folded) {
  const std::array<CharRule, 128>& ascii = ascii_rules();
  std::array<char, 32> run;
  size_t size = 0;
  for (; at < end && size < run.size(); ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= ascii.size() || ascii[byte].action() != CharAction::kWord) break;
    run[size++] = static_cast<char>(ascii[byte].target());
  }
  folded.append(run.data(), size);
}

}  // namespace

int64_t fold_text(std::string_view text, std::string& folded) {
  const std::array<CharRule, 128>& ascii = ascii_rules();
  const size_t begin = folded.size();
  const char* at = text.data();
  const char* const end = at + text.size();
  int64_t words = 0;
  bool in_word = false;
  const auto begin_word = [&] {
    if (folded.size() > begin) folded += ' ';
    ++words;
  };
  while (at < end) {
    CodePoint code{static_cast<unsigned char>(*at), 1};
    if (code.value >= ascii.size()) code = decode_utf8(at, end);
    const CharRule rule = code.value < ascii.size() ? ascii[code.value] : table()[code.value];
    at += code.size;
    switch (rule.action()) {
      case CharAction::kDropped:
        break;
      case CharAction::kBlank:
        in_word = false;
        break;
      case CharAction::kPunctuation:
        ++words;
        in_word = false;
        break;
      case CharAction::kIdeograph:
        begin_word();
        append_code(rule.target(), folded);
        in_word = false;
        break;
      default: {
        if (!in_word) begin_word();
        in_word = true;
        const bool plain = rule.action() == CharAction::kWord;
        if (rule.action() == CharAction::kExpansion) {
          folded += table().expansion(rule);
        } else if (plain && code.value < ascii.size()) {
          folded += static_cast<char>(rule.target());
          append_ascii_word(at, end, folded);
        } else {
          append_code(plain ? rule.target() : code.value, folded);
        }
      }
    }
  }
  if (folded.size() == begin) folded += text;
  return words;
}

}  // namespace pals
