#include "tasks/flat_json.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "base/utf8.h"

namespace pals {
namespace {

constexpr size_t kMostKeys = 16;  // of each pair of them it is asked whether they are the same
constexpr size_t kMostDigits = 15;

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

/// Whether a number stands as nlohmann's library writes it: without needless zeros, not so long
/// that it were rounded, nor so small that it had an exponent.
bool is_plain_number(std::string_view text) {
  if (text.size() > kMostDigits) return false;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = std::min(text.size(), text.find('.'));
  const std::string_view whole = text.substr(0, point);
  if (!is_digits(whole) || (whole.starts_with('0') && whole.size() > 1)) return false;
  if (point == text.size()) return !negative || whole != "0";
  const std::string_view fraction = text.substr(point + 1);
  if (!is_digits(fraction)) return false;
  if (fraction == "0") return true;
  return !fraction.ends_with('0') && (whole != "0" || !fraction.starts_with('0'));
}

/// Whether one of the eight bytes ends a string, or is a part of it that does not stand for itself:
/// a quote, a backslash or a control character.
bool has_special(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101U, kHighBits = kOnes << 7;
  const auto below = [&](uint64_t word, uint64_t limit) { return (word - kOnes * limit) & ~word; };
  return ((below(bytes, 0x20) | below(bytes ^ kOnes * '"', 1) | below(bytes ^ kOnes * '\\', 1)) &
          kHighBits) != 0;
}

/// How many characters of a string stand for themselves, from its first one on.
size_t plain_size(std::string_view text) {
  size_t end = 0;
  for (; text.size() - end >= sizeof(uint64_t); end += sizeof(uint64_t)) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + end, sizeof(bytes));
    if (has_special(bytes)) break;
  }
  while (end < text.size() && text[end] != '"' && text[end] != '\\' &&
         static_cast<unsigned char>(text[end]) >= 0x20) {
    ++end;
  }
  return end;
}

constexpr size_t kUnicodeEscape = 6;  // a backslash, u and four digits

/// The number in an escape of six characters at the start of the text; -1 if there is none.
int32_t utf16_unit(std::string_view text) {
  if (text.size() < kUnicodeEscape || !text.starts_with("\\u")) return -1;
  int32_t unit = 0;
  const char* const end = text.data() + kUnicodeEscape;
  const auto [at, error] = std::from_chars(text.data() + 2, end, unit, 16);
  return error == std::errc() && at == end && unit >= 0 ? unit : -1;
}

/// Takes an escape off the front of the text, and writes what it means; false for one that is
/// wrong, and for a zero.
bool take_escape(std::string_view& text, std::string& unescaped) {
  constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (text.size() < 2) return false;
  if (const size_t name = kNames.find(text[1]); name != kNames.npos) {
    unescaped += kMeanings[name];
    text.remove_prefix(2);
    return true;
  }
  int32_t code = utf16_unit(text);
  if (code <= 0) return false;
  text.remove_prefix(kUnicodeEscape);
  if (code >= 0xD800 && code < 0xE000) {  // the first of two
    const int32_t low = utf16_unit(text);
    if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000) return false;
    text.remove_prefix(kUnicodeEscape);
    code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
  }
  char bytes[4];
  unescaped.append(bytes,
                   static_cast<size_t>(write_utf8(static_cast<char32_t>(code), bytes) - bytes));
  return true;
}

/// Walks over the text; what it takes is gone.
class Scan {
 public:
  /// What is unescaped takes less room than it took before, so that its place never changes.
  Scan(std::string_view text, std::string& unescaped) : rest_(text), unescaped_(unescaped) {
    unescaped_.clear();
    if (unescaped_.capacity() < text.size()) unescaped_.reserve(text.size());
  }

  bool at_end() {
    pass_blanks();
    return rest_.empty();
  }
  bool take(char c) {
    pass_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_string(std::string_view& text) {
    if (!take('"')) return false;
    text = rest_.substr(0, plain_size(rest_));
    rest_.remove_prefix(text.size());
    if (rest_.starts_with('\\') && !take_escaped(text)) return false;
    if (!rest_.starts_with('"')) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_value(std::string_view& text) {
    pass_blanks();
    if (rest_.starts_with('"')) return take_string(text);
    for (const std::string_view word : {"true", "false"}) {
      if (rest_.starts_with(word)) return take_front(word.size(), text);
    }
    const size_t size = std::min(rest_.size(), rest_.find_first_not_of("-.0123456789"));
    return is_plain_number(rest_.substr(0, size)) && take_front(size, text);
  }

 private:
  void pass_blanks() {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  /// The rest of a string, which has an escape behind what was taken of it.
  bool take_escaped(std::string_view& text) {
    const size_t begin = unescaped_.size();
    unescaped_ += text;
    while (rest_.starts_with('\\')) {
      if (!take_escape(rest_, unescaped_)) return false;
      const size_t size = plain_size(rest_);
      unescaped_ += rest_.substr(0, size);
      rest_.remove_prefix(size);
    }
    text = std::string_view(unescaped_).substr(begin);
    return true;
  }
  bool take_front(size_t size, std::string_view& text) {
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  std::string& unescaped_;
};

}  // namespace

bool read_flat_object(std::string_view text,
                      std::vector<std::pair<std::string_view, std::string_view>>& entries,
                      std::string& unescaped) {
  entries.clear();
  Scan scan(text, unescaped);
  if (!scan.take('{')) return false;
  do {
    std::string_view key, value;
    if (!scan.take_string(key) || !scan.take(':') || !scan.take_value(value)) return false;
    for (const auto& [known, other] : entries) {
      if (known == key) return false;
    }
    entries.emplace_back(key, value);
    if (entries.size() > kMostKeys) return false;
  } while (scan.take(','));
  return scan.take('}') && scan.at_end();
}

}  // namespace pals
