#include "text/basic_words.h"

#include "base/utf8.h"
#include "text/cleaning.h"

namespace pals {
namespace {

// Calls word(folded characters) for what stands between blanks, perhaps nothing, and blank() for
// each of these, also for those around ideographs.
template <typename OnWord, typename OnBlank>
void walk(std::string_view utf8, const WordRules& rules, OnWord word, OnBlank blank) {
  std::u32string text;
  const auto end_word = [&] {
    word(rules.folds() ? fold_word(text, rules) : text);
    text.clear();
  };
  walk_cleaned(
      utf8, rules, [&](char32_t code, size_t /*at*/, size_t /*size*/) { text += code; },
      [&] {
        end_word();
        blank();
      });
  end_word();
}

}  // namespace

std::vector<std::string> basic_words(std::string_view utf8, const WordRules& rules) {
  std::vector<std::string> words;
  const auto split = [&](const std::u32string& text) {
    bool begins = true;
    for (const char32_t code : text) {
      const bool punctuation = is_bert_punctuation(code);
      if (begins || punctuation) words.emplace_back();
      words.back() += to_utf8(code);
      begins = punctuation;
    }
  };
  walk(utf8, rules, split, [] {});
  return words;
}

std::string folded_text(std::string_view utf8, const WordRules& rules) {
  std::string folded;
  walk(
      utf8, rules,
      [&](const std::u32string& text) {
        for (const char32_t code : text) folded += to_utf8(code);
      },
      [&] { folded += ' '; });
  return folded;
}

}  // namespace pals
