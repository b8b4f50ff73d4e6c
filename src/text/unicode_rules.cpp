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

bool is_unchanged_by_folding(char32_t code) {
  return !u_hasBinaryProperty(icu(code), UCHAR_CHANGES_WHEN_LOWERCASED) && !is_dropped_mark(code) &&
         nfd().isInert(icu(code));
}

std::u32string fold_word(std::u32string_view word) {
  icu::UnicodeString text;
  for (const char32_t code : word) text.append(icu(code));
  text.toLower(icu::Locale::getRoot());
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString decomposed = nfd().normalize(text, status);
  if (U_FAILURE(status)) fail("ICU cannot normalise text: ", u_errorName(status));
  std::u32string kept;
  for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    const auto code = static_cast<char32_t>(decomposed.char32At(i));
    if (!is_dropped_mark(code)) kept += code;
  }
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

// The code point that ends at `end`; as decode_utf8 in everything else.
CodePoint decode_utf8_before(const char* begin, const char* end) {
  for (uint32_t size = 1; size <= 4 && static_cast<ptrdiff_t>(size) <= end - begin; ++size) {
    const CodePoint code = decode_utf8(end - size, end);
    if (code.size == size && (size > 1 || code.value < 0x80)) return code;
  }
  return {};
}

}  // namespace

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
