// How a model's texts become tokens, beside its vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/vocabulary.h"

namespace pals {

/// A token that is found whole in texts, before they are cut into words.
struct AddedToken {
  std::string text;
  std::optional<int32_t> id =
      {};                    ///< not given: that of the vocabulary, or the next behind its end
  bool single_word = false;  ///< not where a letter or digit stands beside it
  bool normalized = true;    ///< found in the folded text, its own text folded as well

  bool operator==(const AddedToken&) const = default;
};

/// Everything that decides about tokens. Tokenizer takes it; tokenizer_files.h reads it from a
/// folder's files and writes it into tokenizer_config.json.
struct TokenizerSettings {
  bool do_lower_case = true;
  std::optional<bool> strip_accents = {};  ///< not given: as do_lower_case
  bool tokenize_chinese_chars = true;      ///< blanks around CJK ideographs
  bool special_tokens_in_text = false;     ///< "[MASK]" in a text is one token, not text
  std::vector<AddedToken> added_tokens = {};

  bool operator==(const TokenizerSettings&) const = default;
};

/// The first whole word (no `##piece`, no `[SPECIAL]` or `<SPECIAL>` token) that lower-casing would
/// change; none in a vocabulary made from lower-cased text.
std::optional<std::string> find_cased_word(const Vocabulary& vocabulary);

}  // namespace pals
