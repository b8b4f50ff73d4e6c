// The tokenizer that belongs to a model, from the files beside its weights.
#pragma once

#include <optional>
#include <string>

#include "model/sources.h"
#include "text/tokenizer.h"
#include "text/tokenizer_settings.h"

namespace pals {

/// What decides whether texts are lower-cased, in this order: `do_lower_case`, which a user gave;
/// tokenizer_config.json; the normalizer of tokenizer.json; and, said in a line on stderr, whether
/// `vocabulary` has whole words with capital letters. Throws Error that names a file which cannot
/// be read or says neither true nor false.
TokenizerSettings read_tokenizer_settings(const CheckpointSources& files,
                                          const Vocabulary& vocabulary,
                                          std::optional<bool> do_lower_case);

/// The tokenizer of `files`, of which the vocabulary is there. Throws Error as Vocabulary::load and
/// read_tokenizer_settings do.
Tokenizer open_tokenizer(const CheckpointSources& files,
                         std::optional<bool> do_lower_case = std::nullopt);

/// The tokenizer of a folder, with a model or without. Throws Error as above, and if there is no
/// vocab.txt.
Tokenizer open_folder_tokenizer(const std::string& folder);

}  // namespace pals
