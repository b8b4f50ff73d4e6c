// The tokenizer that belongs to a model, from the files beside its weights.
#pragma once

#include <optional>
#include <string>

#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace pals {

/// What decides about tokens: what files say (read_stated_settings). Whether texts are lower-cased
/// is decided, in this order, by `do_lower_case`, which a user gave; by the files; and, said in a
/// line on stderr, by whether `vocabulary` has whole words with capital letters; whether "[MASK]"
/// in a text is a token, by `special_tokens_in_text` before the files. Throws Error that
/// names a file which cannot be read or says something that this tokenizer does not have.
TokenizerSettings read_tokenizer_settings(const TokenizerFiles& files, const Vocabulary& vocabulary,
                                          std::optional<bool> do_lower_case,
                                          std::optional<bool> special_tokens_in_text);

/// The tokenizer of `files`. Throws Error as read_vocabulary and read_tokenizer_settings do, and
/// for an added token with the id of another one.
Tokenizer open_tokenizer(const TokenizerFiles& files,
                         std::optional<bool> do_lower_case = std::nullopt,
                         std::optional<bool> special_tokens_in_text = std::nullopt);

}  // namespace pals
