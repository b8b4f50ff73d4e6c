#include "text/unicode_rules.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace pals {
namespace {

UChar32 icu(char32_t code) { return static_cast<UChar32>(code); }

uint32_t category_mask(char32_t code) { return U_MASK(u_charType(icu(code))); }

bool is_dropped_mark(char32_t code) { return (category_mask(code) & U_GC_MN_MASK) != 0; }

const icu::Normalizer2& nfd() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFDInstance(status);
  if (U_FAILURE(status)) fail("ICU cannot normalise text: ", u_errorName(status));
  return *normalizer;
}

std::u32string code_points_of(const icu::UnicodeString& text) {
  std::u32string codes;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    codes += static_cast<char32_t>(text.char32At(i));
  }
  return codes;
}

}  // namespace

Cleaning cleaning_of(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return Cleaning::kBlank;
  const uint32_t category = category_mask(code);
  if ((category & U_GC_C_MASK) != 0 || code == kReplacementCharacter) return Cleaning::kDrop;
  // Zl and Zp are not cleaned into blanks, but the split at white space that follows cuts there.
  if ((category & U_GC_Z_MASK) != 0) return Cleaning::kBlank;
  return is_bert_ideograph(code) ? Cleaning::kIdeograph : Cleaning::kKeep;
}

bool is_bert_punctuation(char32_t code) {
  if (code < 0x80) {
    return (code >= 33 && code <= 47) || (code >= 58 && code <= 64) || (code >= 91 && code <= 96) ||
           (code >= 123 && code <= 126);
  }
  return (category_mask(code) & U_GC_P_MASK) != 0;
}

bool is_bert_ideograph(char32_t code) {
  constexpr char32_t kRanges[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                     {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                     {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return std::ranges::any_of(
      kRanges, [code](const auto& range) { return code >= range[0] && code <= range[1]; });
}

bool is_reorderable(char32_t code) { return u_getCombiningClass(icu(code)) != 0; }

bool is_unchanged_by_folding(char32_t code, const WordRules& rules) {
  if (rules.lower_case && u_hasBinaryProperty(icu(code), UCHAR_CHANGES_WHEN_LOWERCASED))
    return false;
  return !rules.strip_accents || (!is_dropped_mark(code) && nfd().isInert(icu(code)));
}

bool is_word_character(char32_t code) {
  return (category_mask(code) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(icu(code), UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(icu(code), UCHAR_JOIN_CONTROL);
}

std::u32string fold_word(std::u32string_view word, const WordRules& rules) {
  icu::UnicodeString text;
  for (const char32_t code : word) text.append(icu(code));
  if (rules.lower_case) text.toLower(icu::Locale::getRoot());
  if (!rules.strip_accents) return code_points_of(text);
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString decomposed = nfd().normalize(text, status);
  if (U_FAILURE(status)) fail("ICU cannot normalise text: ", u_errorName(status));
  std::u32string kept = code_points_of(decomposed);
  std::erase_if(kept, is_dropped_mark);
  return kept;
}

namespace {

enum class SigmaContext { kPassedOver, kCased, kOther };

SigmaContext sigma_context(char32_t code) {
  const Cleaning cleaning = cleaning_of(code);
  if (cleaning == Cleaning::kDrop) return SigmaContext::kPassedOver;
  if (cleaning != Cleaning::kKeep) return SigmaContext::kOther;  // blanks end the word
  if (u_hasBinaryProperty(icu(code), UCHAR_CASE_IGNORABLE)) return SigmaContext::kPassedOver;
  return u_hasBinaryProperty(icu(code), UCHAR_CASED) ? SigmaContext::kCased : SigmaContext::kOther;
}

}  // namespace

CodePoint decode_utf8_before(const char* begin, const char* end) {
  for (uint32_t size = 1; size <= 4 && static_cast<ptrdiff_t>(size) <= end - begin; ++size) {
    const CodePoint code = decode_utf8(end - size, end);
    if (code.size == size && (size > 1 || code.value < 0x80)) return code;
  }
  return {};
}

bool is_final_sigma(std::string_view text, size_t at) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  SigmaContext before = SigmaContext::kOther;
  for (const char* left = begin + at; left > begin;) {
    const CodePoint code = decode_utf8_before(begin, left);
    before = sigma_context(code.value);
    if (before != SigmaContext::kPassedOver) break;
    left -= code.size;
  }
  if (before != SigmaContext::kCased) return false;

  for (const char* right = begin + at + decode_utf8(begin + at, end).size; right < end;) {
    const CodePoint code = decode_utf8(right, end);
    const SigmaContext after = sigma_context(code.value);
    if (after != SigmaContext::kPassedOver) return after != SigmaContext::kCased;
    right += code.size;
  }
  return true;
}

}  // namespace pals
