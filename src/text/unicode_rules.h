// BERT's rules for single code points and words, straight from ICU: the slow truth under CharTable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace pals {

inline constexpr char32_t kCapitalSigma = 0x3A3;
inline constexpr char32_t kSmallSigma = 0x3C3;
inline constexpr char32_t kFinalSigma = 0x3C2;

/// What is done to texts before they are cut at punctuation.
struct WordRules {
  bool lower_case = true;
  bool strip_accents = true;
  bool split_ideographs = true;

  /// BERT's own: accents go with the case.
  static constexpr WordRules of_case(bool lower) { return {lower, lower, true}; }
  constexpr bool folds() const { return lower_case || strip_accents; }
  bool operator==(const WordRules&) const = default;
};

/// What cleaning and the split into words make of a character as it stands in the text.
enum class Cleaning {
  kKeep,
  kDrop,       ///< U+FFFD and the categories C*, but for tab, line feed and carriage return
  kBlank,      ///< those three and the categories Z*
  kIdeograph,  ///< kept, with blanks around
};

Cleaning cleaning_of(char32_t code);

/// Punctuation as BERT counts it: the categories P*, and all ASCII symbols.
bool is_bert_punctuation(char32_t code);

/// The CJK ideographs that BERT puts blanks around (not kana, not Hangul).
bool is_bert_ideograph(char32_t code);

/// Whether canonical ordering can swap the character with a neighbour.
bool is_reorderable(char32_t code);

/// Whether fold_word leaves the character as it is, whatever surrounds it.
bool is_unchanged_by_folding(char32_t code, const WordRules& rules);

/// A word after what `rules` ask for: full lower-casing, then NFD and dropping marks (Mn).
/// REQUIRES: if lower-casing, capital sigmas are lower-cased already. Throws Error if ICU has no
/// data.
std::u32string fold_word(std::u32string_view word, const WordRules& rules);

/// Whether a character is a word's in the sense of regular expressions (Unicode's \w).
bool is_word_character(char32_t code);

/// The code point that ends before `end`, as decode_utf8 would read it; size 0 at `begin`.
CodePoint decode_utf8_before(const char* begin, const char* end);

/// Whether the capital sigma at offset `at` of UTF-8 `text` ends a word in the sense of Unicode's
/// Final_Sigma (characters that cleaning drops are passed over).
bool is_final_sigma(std::string_view text, size_t at);

}  // namespace pals
