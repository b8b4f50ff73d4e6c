// Texts as they are compared where small differences do not count.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pals {

/// Appends a text without its punctuation, in lower case, its words with one blank between; a text
/// without words as it is. Returns how many words and marks of punctuation (and ideographs) it has:
/// at most as many as a BERT's tokens. Throws Error if ICU has no data.
int64_t fold_text(std::string_view text, std::string& folded);

}  // namespace pals
