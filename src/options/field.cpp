#include "options/field.h"

#include <charconv>
#include <limits>

#include "base/text_util.h"

namespace pals::field_detail {
namespace {

// A plus sign is let through, as C's functions do.
std::string_view without_plus(std::string_view text) {
  return text.size() > 1 && text.front() == '+' && text[1] != '-' ? text.substr(1) : text;
}

}  // namespace

bool read_value(std::string_view text, std::string& value) {
  value = text;
  return true;
}

bool read_value(std::string_view text, bool& value) {
  const std::string word = ascii_lower(text);
  for (const char* name : {"true", "1", "yes", "on", "t", "y", "enable"}) {
    if (word == name) return value = true;
  }
  for (const char* name : {"false", "0", "no", "off", "f", "n", "disable"}) {
    if (word == name) return !(value = false);
  }
  return false;
}

bool read_value(std::string_view text, int64_t& value) {
  const std::optional<int64_t> number = parse_int(without_plus(text));
  if (number) value = *number;
  return number.has_value();
}

bool read_value(std::string_view text, int& value) {
  using Limits = std::numeric_limits<int>;
  int64_t wide = 0;
  if (!read_value(text, wide) || wide < Limits::min() || wide > Limits::max()) return false;
  value = static_cast<int>(wide);
  return true;
}

bool read_value(std::string_view text, uint64_t& value) {
  const std::string_view digits = without_plus(text);
  const char* end = digits.data() + digits.size();
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stop != end) return false;
  value = number;
  return true;
}

bool read_value(std::string_view text, double& value) {
  const std::optional<double> number = parse_double(without_plus(text));
  if (number) value = *number;
  return number.has_value();
}

}  // namespace pals::field_detail
