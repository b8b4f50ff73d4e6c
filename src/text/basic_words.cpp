#include "text/basic_words.h"

#include "base/utf8.h"
#include "text/unicode_rules.h"

namespace pals {
namespace {

/// Folds what stood between blanks and splits it at punctuation.
void append_words(std::u32string& text, bool do_lower_case, std::vector<std::string>& words) {
  bool begins = true;
  for (const char32_t code : do_lower_case ? fold_word(text) : text) {
    const bool punctuation = is_bert_punctuation(code);
    if (begins || punctuation) words.emplace_back();
    words.back() += to_utf8(code);
    begins = punctuation;
  }
  text.clear();
}

}  // namespace

std::vector<std::string> basic_words(std::string_view utf8, bool do_lower_case) {
  std::vector<std::string> words;
  std::u32string text;
  const char* const end = utf8.data() + utf8.size();
  for (const char* at = utf8.data(); at < end;) {
    const CodePoint code = decode_utf8(at, end);
    const Cleaning cleaning = cleaning_of(code.value);
    const bool alone = cleaning == Cleaning::kIdeograph;
    if (cleaning == Cleaning::kBlank || alone) append_words(text, do_lower_case, words);
    if (cleaning == Cleaning::kKeep || alone) {
      const bool sigma = do_lower_case && code.value == kCapitalSigma;
      const auto offset = static_cast<size_t>(at - utf8.data());
      text += !sigma ? code.value : is_final_sigma(utf8, offset) ? kFinalSigma : kSmallSigma;
    }
    if (alone) append_words(text, do_lower_case, words);
    at += code.size;
  }
  append_words(text, do_lower_case, words);
  return words;
}

}  // namespace pals
