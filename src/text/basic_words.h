// The words of BERT's basic tokenization, as text: what Tokenizer cuts into pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/unicode_rules.h"

namespace pals {

/// Cleans, splits at white space and, if the rules say so, around CJK ideographs, folds, and splits
/// at punctuation. Character by character, without Tokenizer's tables: for short texts.
std::vector<std::string> basic_words(std::string_view utf8, const WordRules& rules);

/// The text before the split at punctuation: cleaned, folded, each white space one blank, and
/// blanks around ideographs.
std::string folded_text(std::string_view utf8, const WordRules& rules);

}  // namespace pals
