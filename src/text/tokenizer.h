// BERT's tokenizer: cleaning, splitting into words, WordPiece.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace pals {

/// Immutable: any number of threads may use one. Copies share their tables.
///
/// The rules, in order: drop control characters, unassigned and private code points and U+FFFD
/// (invalid UTF-8 counts as such); split at white space and around CJK ideographs; if lower-casing,
/// full lower-casing, NFD, drop marks (Mn); split at punctuation; then for each word the longest
/// matching token first, [UNK] for a word without a match or of more than kMaxWordCharacters code
/// points. "[SEP]" in a text is text like any other.
class Tokenizer {
 public:
  static constexpr size_t kMaxWordCharacters = 100;
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  /// Throws Error if the vocabulary is too large to be searched or ICU has no data.
  Tokenizer(Vocabulary vocabulary, bool do_lower_case);

  /// Appends the ids of a text, without special tokens: all of them, or the first `limit`, for
  /// which no more of the text is read than needed.
  void encode(std::string_view utf8, std::vector<int32_t>& ids, size_t limit = kNoLimit) const;

  /// The tokens whose ids encode() gives.
  std::vector<std::string> tokenize(std::string_view utf8) const;

  const Vocabulary& vocabulary() const;
  bool do_lower_case() const;

 private:
  struct Tables;
  class Encoder;

  std::shared_ptr<const Tables> tables_;
};

}  // namespace pals
