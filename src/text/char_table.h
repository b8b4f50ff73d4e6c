// What BERT's basic tokenizer does with each code point, as a table look-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/unicode_rules.h"

namespace pals {

/// What to do with a code point. When lower-casing, dropping, blanks and ideographs are decided on
/// the character itself, punctuation on what folding (fold_word) leaves of it.
enum class CharAction : uint32_t {
  kWord,          ///< part of a word, as `target`
  kDropped,       ///< nothing is left of it
  kBlank,         ///< ends a word
  kPunctuation,   ///< a word of its own, as `target`
  kIdeograph,     ///< a word of its own with blanks around, as `target`
  kExpansion,     ///< part of a word, as several code points
  kCapitalSigma,  ///< lower-cased by its context
  kContextual,    ///< may change places with its neighbours: the word takes the slow way
};

/// A row of the table: an action and its target.
class CharRule {
 public:
  constexpr CharRule() = default;
  constexpr explicit CharRule(CharAction action, char32_t target = 0)
      : bits_(static_cast<uint32_t>(action) << 24 | static_cast<uint32_t>(target)) {}

  constexpr CharAction action() const { return static_cast<CharAction>(bits_ >> 24); }
  constexpr char32_t target() const { return bits_ & 0xFFFFFF; }

 private:
  uint32_t bits_ = 0;
};

/// The rules of all code points, under given WordRules.
class CharTable {
 public:
  /// The table of this process for these rules, made at the first call (milliseconds), constant
  /// from then on. Throws Error if ICU has no data.
  static const CharTable& get(const WordRules& rules);

  /// The rule of a code point up to U+10FFFF.
  CharRule operator[](char32_t code) const {
    return blocks_[index_[code / kBlockSize] * kBlockSize + code % kBlockSize];
  }

  /// The UTF-8 text of a kExpansion, at most kMaxExpansion bytes.
  std::string_view expansion(CharRule rule) const {
    const char* at = expansions_.data() + rule.target();
    return {at + 1, static_cast<size_t>(*at)};
  }

  static constexpr size_t kMaxExpansion = 16;

 private:
  static constexpr uint32_t kBlockSize = 256;

  explicit CharTable(const WordRules& rules);
  void set(char32_t code, CharRule rule);
  CharRule folding_rule(char32_t code, bool is_ideograph);

  WordRules rules_;
  std::vector<uint32_t> index_;  // block number of each 256 code points; 0: all of them dropped
  std::vector<CharRule> blocks_;
  std::vector<char> expansions_;  // each: a byte with the length, then the text
};

}  // namespace pals
