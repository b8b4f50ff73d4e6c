// The words of BERT's basic tokenization, as text: what Tokenizer cuts into pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Cleans, splits at white space and around CJK ideographs, folds if `do_lower_case`, and splits at
/// punctuation. Character by character, without Tokenizer's tables: for short texts.
std::vector<std::string> basic_words(std::string_view utf8, bool do_lower_case);

}  // namespace pals
