// How a model's texts become tokens, beside its vocabulary.
#pragma once

#include <optional>
#include <string>

#include "text/vocabulary.h"

namespace pals {

/// What a model folder or a user says of the tokenizer; model/tokenizer_files.h reads it.
struct TokenizerSettings {
  bool do_lower_case = true;

  bool operator==(const TokenizerSettings&) const = default;
};

/// The first whole word (no `##piece`, no `[SPECIAL]` or `<SPECIAL>` token) that lower-casing would
/// change; none in a vocabulary made from lower-cased text.
std::optional<std::string> find_cased_word(const Vocabulary& vocabulary);

}  // namespace pals
