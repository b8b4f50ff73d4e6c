// A tokenizer as the packages `tokenizers` and `transformers` read it whole: tokenizer.json.
#pragma once

#include "base/json.h"
#include "text/tokenizer_settings.h"
#include "text/vocabulary.h"

namespace pals {

/// The tokenizer.json of BERT's tokenizer with these settings. parse_vocabulary and
/// parse_tokenizer_json read the same back. REQUIRES: added tokens have ids.
Json tokenizer_json(const TokenizerSettings& settings, const Vocabulary& vocabulary);

/// The tokenizer_config.json beside it, with which transformers makes the same tokens as Tokenizer:
/// what tokenizer_config_keys gives, the special tokens, and that their names in texts are text
/// unless the settings say otherwise. Texts are cut at `max_length` tokens.
Json transformers_tokenizer_config(const TokenizerSettings& settings, const Vocabulary& vocabulary,
                                   int max_length);

/// The special tokens that the vocabulary has, by their roles: {"cls_token": "[CLS]", ...}.
Json special_tokens_map(const Vocabulary& vocabulary);

}  // namespace pals
