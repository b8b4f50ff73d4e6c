// Where tokens lie in the text that they were made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace pals {

/// Bytes of a text, from `begin` to before `end`.
struct TokenPlace {
  size_t begin = 0, end = 0;
  bool operator==(const TokenPlace&) const = default;
};

/// The place of each token of `ids`, which `tokenizer` made of `utf8` (without special tokens) [T].
/// Characters that the rules drop belong to no token or to one that surrounds them. Nothing for
/// tokens whose place cannot be told: those after an added token that was found in the folded text.
std::vector<std::optional<TokenPlace>> token_places(const Tokenizer& tokenizer,
                                                    std::string_view utf8,
                                                    std::span<const int32_t> ids);

}  // namespace pals
