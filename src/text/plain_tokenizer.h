// BERT's tokenizer written as its rules read, on ICU alone: what tests and fuzzers hold Tokenizer
// to.
#pragma once

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "text/unicode_rules.h"
#include "text/vocabulary.h"

namespace pals {

/// Slow, and shares no table, no case mapping and no search with Tokenizer.
class PlainTokenizer {
 public:
  PlainTokenizer(Vocabulary vocabulary, const WordRules& rules)
      : vocabulary_(std::move(vocabulary)), rules_(rules) {}

  std::vector<int32_t> encode(std::string_view utf8) const {
    std::vector<int32_t> ids;
    for (icu::UnicodeString word : split_at_blanks(utf8)) {
      fold(word);
      for (const icu::UnicodeString& part : split_at_punctuation(word)) match(part, ids);
    }
    return ids;
  }

 private:
  static bool has_category(UChar32 code, uint32_t mask) {
    return (U_MASK(u_charType(code)) & mask) != 0;
  }

  static bool is_ideograph(UChar32 c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
  }

  static bool is_punctuation(UChar32 c) {
    if (c < 0x80) return c > 0x20 && c < 0x7F && !u_isalnum(c);
    return has_category(c, U_GC_P_MASK);
  }

  // Cleaning, blanks around ideographs, and the split at white space.
  std::vector<icu::UnicodeString> split_at_blanks(std::string_view utf8) const {
    std::vector<icu::UnicodeString> words(1);
    const auto end_word = [&words] {
      if (!words.back().isEmpty()) words.emplace_back();
    };
    for (const char* at = utf8.data(); at < utf8.data() + utf8.size();) {
      const CodePoint decoded = decode_utf8(at, utf8.data() + utf8.size());
      const auto code = static_cast<UChar32>(decoded.value);
      at += decoded.size;
      if (code == '\t' || code == '\n' || code == '\r') {
        end_word();
      } else if (code == 0 || code == 0xFFFD || has_category(code, U_GC_C_MASK)) {
        continue;
      } else if (has_category(code, U_GC_ZS_MASK) || code == 0x2028 || code == 0x2029) {
        end_word();
      } else if (rules_.split_ideographs && is_ideograph(code)) {
        end_word();
        words.back().append(code);
        end_word();
      } else {
        words.back().append(code);
      }
    }
    if (words.back().isEmpty()) words.pop_back();
    return words;
  }

  void fold(icu::UnicodeString& word) const {
    if (rules_.lower_case) word.toLower(icu::Locale::getRoot());
    if (!rules_.strip_accents) return;
    UErrorCode status = U_ZERO_ERROR;
    const icu::UnicodeString decomposed =
        icu::Normalizer2::getNFDInstance(status)->normalize(word, status);
    word.remove();
    for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
      const UChar32 code = decomposed.char32At(i);
      if (!has_category(code, U_GC_MN_MASK)) word.append(code);
    }
  }

  static std::vector<icu::UnicodeString> split_at_punctuation(const icu::UnicodeString& word) {
    std::vector<icu::UnicodeString> parts;
    bool begins = true;
    for (int32_t i = 0; i < word.length(); i = word.moveIndex32(i, 1)) {
      const UChar32 code = word.char32At(i);
      if (begins || is_punctuation(code)) parts.emplace_back();
      parts.back().append(code);
      begins = is_punctuation(code);
    }
    return parts;
  }

  // Longest match first.
  void match(const icu::UnicodeString& word, std::vector<int32_t>& ids) const {
    std::vector<int32_t> pieces;
    const int32_t size = word.countChar32();
    for (int32_t begin = 0; begin < size && size <= 100;) {
      int32_t end = size;
      for (; end > begin; --end) {
        std::string piece = begin == 0 ? "" : "##";
        const int32_t from = word.moveIndex32(0, begin);
        word.tempSubStringBetween(from, word.moveIndex32(0, end)).toUTF8String(piece);
        if (const auto id = vocabulary_.find(piece)) {
          pieces.push_back(*id);
          break;
        }
      }
      if (end == begin) {
        pieces.clear();
        break;
      }
      begin = end;
    }
    if (pieces.empty()) pieces.push_back(vocabulary_.unk_id());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }

  Vocabulary vocabulary_;
  WordRules rules_;
};

}  // namespace pals
