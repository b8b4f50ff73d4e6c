// Texts as tokens and as a model's input, without any model.
#pragma once

#include <string>

#include "data/features.h"
#include "text/tokenizer.h"

namespace pals {

/// The tokenizer of a model folder, ours or as transformers writes it: its vocab.txt, and
/// lower-casing as read_tokenizer_settings (model/tokenizer_files.h) decides. encode_pair
/// (data/features.h) adds [CLS] and [SEP].
Tokenizer load_tokenizer(const std::string& folder);

}  // namespace pals
