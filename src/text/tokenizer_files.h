// The files that say how a model's texts become tokens, as transformers and Google's releases have
// them: vocab.txt, tokenizer_config.json, added_tokens.json, tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer_settings.h"
#include "text/vocabulary.h"

namespace pals {

/// Sizes that the JSON files may have.
inline constexpr uint64_t kMaxTokenizerBytes = uint64_t{32} << 20;

/// Where they lie; empty: not there.
struct TokenizerFiles {
  std::string vocabulary;        ///< vocab.txt, or a file that a user named
  std::string tokenizer_config;  ///< what decides first
  std::string tokenizer_json;    ///< what decides next; the vocabulary too, where there is no other
  std::string added_tokens;      ///< added_tokens.json

  bool has_vocabulary() const { return !vocabulary_path().empty(); }
  const std::string& vocabulary_path() const {
    return vocabulary.empty() ? tokenizer_json : vocabulary;
  }
};

/// The files of a folder.
TokenizerFiles find_tokenizer_files(const std::string& folder);

/// Settings as far as files say something; what they do not say is empty.
struct StatedSettings {
  std::optional<bool> do_lower_case, strip_accents, tokenize_chinese_chars, special_tokens_in_text;
  std::vector<AddedToken> added_tokens;  ///< without [PAD], [UNK], [CLS], [SEP] and [MASK]

  /// Takes over what `other` says beyond this. Throws Error, which begins with `where`, for an
  /// added token with two ids.
  void complete_with(const StatedSettings& other, const std::string& where);

  /// What is not said is as in Google's program; `do_lower_case` if that is not said.
  TokenizerSettings resolve(bool do_lower_case_unless_said) const;
};

/// What the files say together: tokenizer_config.json before tokenizer.json before
/// added_tokens.json. Throws Error as read_json and the parsers below do.
StatedSettings read_stated_settings(const TokenizerFiles& files);

/// The vocabulary: of vocab.txt, else of tokenizer.json. Throws Error as Vocabulary::load and
/// parse_vocabulary do, and if there is neither.
Vocabulary read_vocabulary(const TokenizerFiles& files);

/// Reads a tokenizer_config.json. Throws Error, which begins with `where`, for values of another
/// type and for settings that no BERT tokenizer here has (do_basic_tokenize false, never_split).
StatedSettings parse_tokenizer_config(const Json& json, const std::string& where);

/// Reads normalizer and added tokens of a tokenizer.json, as far as they are there. Throws Error,
/// which begins with `where` and names what it found, for other models than WordPiece and other
/// steps than BERT's.
StatedSettings parse_tokenizer_json(const Json& json, const std::string& where);

/// Reads an added_tokens.json: tokens and their ids. Throws Error, which begins with `where`.
StatedSettings parse_added_tokens(const Json& json, const std::string& where);

/// The vocabulary of a tokenizer.json. Throws Error as parse_tokenizer_json and
/// Vocabulary::from_map do.
Vocabulary parse_vocabulary(const Json& json, const std::string& where);

/// The keys of a tokenizer_config.json that parse_tokenizer_config reads back. What is as in
/// Google's program is left out, but do_lower_case. REQUIRES: added tokens have ids.
Json tokenizer_config_keys(const TokenizerSettings& settings);

/// The added tokens that the vocabulary's file does not have, as an added_tokens.json; empty: none.
Json added_tokens_json(const TokenizerSettings& settings, const Vocabulary& vocabulary);

}  // namespace pals
