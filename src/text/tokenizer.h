// BERT's tokenizer: cleaning, splitting into words, WordPiece.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_settings.h"
#include "text/unicode_rules.h"
#include "text/vocabulary.h"

namespace pals {

/// Immutable: any number of threads may use one. Copies share their tables.
///
/// The rules, in order: drop control characters, unassigned and private code points and U+FFFD
/// (invalid UTF-8 counts as such); split at white space and, if asked for, around CJK ideographs;
/// if lower-casing, full lower-casing; if stripping accents, NFD and drop marks (Mn); split at
/// punctuation; then for each word the longest matching token first, [UNK] for a word without a
/// match or of more than kMaxWordCharacters code points. Added tokens are found before that, the
/// leftmost and longest first, and what lies between them is a text by itself. "[SEP]" in a text is
/// text like any other, unless the settings say special_tokens_in_text.
class Tokenizer {
 public:
  static constexpr size_t kMaxWordCharacters = 100;
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  /// Throws Error if the vocabulary is too large to be searched, if an added token has the id of
  /// another one, or if ICU has no data.
  Tokenizer(Vocabulary vocabulary, TokenizerSettings settings);
  Tokenizer(Vocabulary vocabulary, bool do_lower_case);

  /// Appends the ids of a text, without special tokens: all of them, or the first `limit`, for
  /// which no more of the text is read than needed.
  void encode(std::string_view utf8, std::vector<int32_t>& ids, size_t limit = kNoLimit) const;

  /// The tokens whose ids encode() gives.
  std::vector<std::string> tokenize(std::string_view utf8) const;

  /// The vocabulary with all added tokens.
  const Vocabulary& vocabulary() const;

  /// As given; each added token has its id.
  const TokenizerSettings& settings() const;
  bool do_lower_case() const;
  const WordRules& rules() const;

 private:
  struct Tables;
  class Encoder;

  void encode_between_added(std::string_view utf8, std::vector<int32_t>& ids, size_t limit) const;

  std::shared_ptr<const Tables> tables_;
};

}  // namespace pals
