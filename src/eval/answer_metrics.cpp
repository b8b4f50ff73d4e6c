#include "eval/answer_metrics.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/text_util.h"

namespace pals {
namespace {

/// White space as Python's str.split() has it.
bool is_space(UChar32 c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

/// Python's string.punctuation.
bool is_ascii_punctuation(UChar32 c) { return c > 0x20 && c < 0x7F && !u_isalnum(c); }

/// A character of a word in the sense of \w in Python's regular expressions.
bool is_word_character(UChar32 c) {
  return c == '_' || u_isalpha(c) || u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool is_article(const icu::UnicodeString& word) {
  return word == u"a" || word == u"an" || word == u"the";
}

/// `text` with a blank in place of each article that stands between other than word characters.
icu::UnicodeString without_articles(const icu::UnicodeString& text) {
  icu::UnicodeString result, word;
  const auto end_word = [&] {
    result.append(is_article(word) ? icu::UnicodeString(u' ') : word);
    word.remove();
  };
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (is_word_character(c)) {
      word.append(c);
    } else {
      end_word();
      result.append(c);
    }
  }
  end_word();
  return result;
}

std::vector<std::string_view> words_of(std::string_view normalized) {
  if (normalized.empty()) return {};
  return split(normalized, ' ');
}

double word_f1(std::string_view answer, std::string_view right, bool unanswerable) {
  const std::vector<std::string_view> a = words_of(answer), b = words_of(right);
  if (unanswerable && (a.empty() || b.empty())) return a == b ? 1.0 : 0.0;
  std::map<std::string_view, int64_t> counts;
  for (const std::string_view word : b) ++counts[word];
  int64_t common = 0;
  for (const std::string_view word : a) common += counts[word]-- > 0 ? 1 : 0;
  if (common == 0) return 0.0;
  const double precision = static_cast<double>(common) / static_cast<double>(a.size());
  const double recall = static_cast<double>(common) / static_cast<double>(b.size());
  return 2.0 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(std::string_view utf8) {
  icu::UnicodeString text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(utf8.data(), static_cast<int32_t>(utf8.size())));
  text.toLower(icu::Locale::getRoot());
  icu::UnicodeString bare;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    if (!is_ascii_punctuation(text.char32At(i))) bare.append(text.char32At(i));
  }
  const icu::UnicodeString kept = without_articles(bare);
  icu::UnicodeString result;
  bool blank = false;
  for (int32_t i = 0; i < kept.length(); i = kept.moveIndex32(i, 1)) {
    const UChar32 c = kept.char32At(i);
    if (!is_space(c)) {
      if (blank && !result.isEmpty()) result.append(u' ');
      result.append(c);
    }
    blank = is_space(c);
  }
  std::string bytes;
  return result.toUTF8String(bytes);
}

AnswerScore score_answer(std::string_view answer, std::span<const std::string> right_answers,
                         bool unanswerable) {
  const std::string given = normalize_answer(answer);
  AnswerScore score;
  const auto compare = [&](const std::string& right) {
    score.exact_match = std::max(score.exact_match, given == right ? 1.0 : 0.0);
    score.f1 = std::max(score.f1, word_f1(given, right, unanswerable));
  };
  bool any = false;
  for (const std::string& text : right_answers) {
    const std::string right = normalize_answer(text);
    if (unanswerable && right.empty()) continue;
    compare(right);
    any = true;
  }
  if (!any && unanswerable) compare("");
  return score;
}

}  // namespace pals
