// The first of BERT's rules for texts: which characters stay, and where blanks are.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/utf8.h"
#include "text/unicode_rules.h"

namespace pals {

/// Calls character(code, at, size) for each character of `utf8` that stays, which took `size` bytes
/// at byte `at`, and blank() for each blank, also for those around ideographs. Capital sigmas are
/// lower-cased by their context if `rules` lower-case; nothing else is folded.
template <typename OnCharacter, typename OnBlank>
void walk_cleaned(std::string_view utf8, const WordRules& rules, const OnCharacter& character,
                  const OnBlank& blank) {
  const char* const end = utf8.data() + utf8.size();
  for (const char* at = utf8.data(); at < end;) {
    const CodePoint code = decode_utf8(at, end);
    const auto offset = static_cast<size_t>(at - utf8.data());
    const Cleaning cleaning = cleaning_of(code.value);
    const bool alone = cleaning == Cleaning::kIdeograph && rules.split_ideographs;
    if (cleaning == Cleaning::kBlank || alone) blank();
    if (cleaning == Cleaning::kKeep || cleaning == Cleaning::kIdeograph) {
      const bool sigma = rules.lower_case && code.value == kCapitalSigma;
      character(!sigma                         ? code.value
                : is_final_sigma(utf8, offset) ? kFinalSigma
                                               : kSmallSigma,
                offset, code.size);
    }
    if (alone) blank();
    at += code.size;
  }
}

}  // namespace pals
