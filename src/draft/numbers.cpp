#include "draft/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "base/text_util.h"

namespace pals {
namespace {

/// The two whole numbers beside the comma of a value such as "4,5".
std::optional<std::pair<int64_t, int64_t>> around_comma(std::string_view value) {
  const size_t comma = value.find(',');
  if (comma == value.npos || value.substr(comma + 1).find_first_of("+-") == 0) return std::nullopt;
  const std::optional<int64_t> before = parse_int(value.substr(0, comma));
  const std::optional<int64_t> behind = parse_int(value.substr(comma + 1));
  if (!before || !behind) return std::nullopt;
  return std::pair(*before, *behind);
}

/// Whether commas set the thousands of a number apart: "1,200", "-1,234,567.8".
bool has_thousands(std::string_view value) {
  if (value.starts_with('-') || value.starts_with('+')) value.remove_prefix(1);
  const size_t point = std::min(value.find('.'), value.size());
  const auto groups = split(value.substr(0, point), ',');
  const auto is_digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  };
  const bool cents = point == value.size() || is_digits(value.substr(point + 1));
  return cents && groups.size() > 1 && is_digits(groups.front()) && groups.front().size() <= 3 &&
         std::all_of(groups.begin() + 1, groups.end(),
                     [&](std::string_view group) { return group.size() == 3 && is_digits(group); });
}

/// The rest of a value without a sign such as "%" or "$" at one of its ends; nothing if there is
/// none.
std::optional<std::string_view> without_sign(std::string_view value,
                                             std::initializer_list<std::string_view> signs) {
  for (const std::string_view sign : signs) {
    if (value.ends_with(sign)) return trim(value.substr(0, value.size() - sign.size()));
    if (value.starts_with(sign)) return trim(value.substr(sign.size()));
  }
  return std::nullopt;
}

void add(DressedNumbers& numbers, size_t row) {
  if (numbers.count++ == 0) numbers.first = row;
}

/// Whether a value is a number but for commas in it.
bool is_any_number(std::string_view value) {
  return number_of(value) || has_thousands(value) || around_comma(value);
}

}  // namespace

std::optional<double> number_of(std::string_view value) {
  if (value.starts_with('+') && !value.starts_with("+-")) value.remove_prefix(1);
  const std::optional<double> number = parse_double(value);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

void Dressings::see(std::string_view value, size_t row) {
  if (const auto share = without_sign(value, {"%"})) {
    if (is_any_number(*share)) add(percent_, row);
  } else if (const auto amount = without_sign(value, {"$", "€", "£"})) {
    if (is_any_number(*amount)) add(money_, row);
  } else if (has_thousands(value)) {
    add(thousands_, row);
  } else if (const auto sides = around_comma(value)) {
    add(decimal_, row);
    ascending_ = ascending_ && sides->first < sides->second;
  }
}

bool Dressings::parted_numbers(bool whole) const {
  const bool labels = whole && ascending_ && decimal_.count > 0;
  return thousands_.count + decimal_.count > 0 && !labels;
}

DressedNumbers Dressings::most() const {
  DressedNumbers most = decimal_;
  if (decimal_.count > 0 && thousands_.count > 0) {  // "1,200" among others such as "1,20"
    most.count += thousands_.count;
    most.first = std::min(most.first, thousands_.first);
  }
  for (const DressedNumbers& one : {thousands_, percent_, money_}) {
    if (one.count > most.count) most = one;
  }
  return most;
}

}  // namespace pals
