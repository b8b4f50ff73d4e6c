#include "options/option.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "options/help.h"

namespace pals {
namespace {

// Whole numbers without an exponent.
std::string number_text(double value) {
  constexpr double kExact = 1e15;
  if (std::floor(value) == value && std::abs(value) < kExact) {
    return concat(static_cast<int64_t>(value));
  }
  return concat(value);
}

std::string range_text(const Range& range) {
  const bool below = std::isfinite(range.least);
  const bool above = std::isfinite(range.most) && range.most != kLargest;
  if (below && above && !range.open && !range.open_end) {
    return concat(number_text(range.least), " to ", number_text(range.most));
  }
  std::vector<std::string> parts;
  if (below) parts.push_back((range.open ? "above " : "at least ") + number_text(range.least));
  if (above) parts.push_back((range.open_end ? "below " : "at most ") + number_text(range.most));
  return join(parts, " and ");
}

std::string expected(const Option& option) {
  std::string allowed = option.allowed();
  const bool two_ends = allowed.find(" to ") != std::string::npos;
  const std::string from = concat(allowed.empty() ? "" : " ", two_ends ? "from " : "", allowed);
  switch (option.field.type()) {
    case FieldType::kFlag:
      return "true or false";
    case FieldType::kInteger:
      return "a whole number" + from;
    case FieldType::kNumber:
      return "a number" + from;
    case FieldType::kText:
    case FieldType::kChoice:
      break;
  }
  return allowed;
}

// The first of a list's items that is none of the names; all of the text if there is no list.
std::string unknown_item(const std::string& text, const Field& field) {
  const std::vector<std::string>& names = field.names();
  for (const std::string_view item :
       field.is_list() ? split(text, ',') : std::vector<std::string_view>{}) {
    if (std::ranges::find(names, trim(item)) == names.end()) return std::string(trim(item));
  }
  return text;
}

}  // namespace

std::string one_of(const std::vector<std::string>& names) {
  if (names.size() < 2) return join(names, "");
  const std::vector<std::string> first(names.begin(), names.end() - 1);
  return join(first, ", ") + " or " + names.back();
}

bool Range::contains(double value) const {
  const bool low = open ? value > least : value >= least;
  const bool high = open_end ? value < most : value <= most;
  return low && high && std::isfinite(value);
}

std::string Option::allowed() const {
  if (!suggestions.empty()) return join(suggestions, ", ");
  return field.type() == FieldType::kChoice ? one_of(field.names()) : range_text(range);
}

std::string Option::value_text() const {
  const Json value = field.json();
  if (value.is_null() || value.is_array() || is_switch()) return {};
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number_float()) return concat(value.get<double>());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void Option::read(const std::string& text) const {
  if (field.read(text)) return;
  if (field.type() == FieldType::kChoice) {
    const std::string unknown = unknown_item(text, field);
    fail_usage(flag(), ": ", quote(unknown), " is unknown, expected ", allowed(),
               field.has_other_names() ? "" : did_you_mean(unknown, field.names()));
  }
  fail_usage(flag(), " is ", quote(text), ", expected ", expected(*this));
}

void Option::check() const {
  const Json value = field.json();
  if (needed && value == "") fail_usage(flag(), " is missing: ", plain_text(help));
  if (!value.is_number() || range.contains(value.get<double>())) return;
  const bool too_large = range.most == kLargest && value.get<double>() > kLargest;
  fail_usage(flag(), " is ", value_text(), ", expected ",
             too_large ? "at most " + number_text(kLargest) : expected(*this));
}

void OptionList::add(const std::string& group, std::vector<Option> rows) {
  for (Option& row : rows) {
    row.group = group;
    rows_.push_back(std::move(row));
  }
}

std::vector<std::string> OptionList::groups() const {
  std::vector<std::string> names;
  for (const Option& row : rows_) {
    if (std::ranges::find(names, row.group) == names.end()) names.push_back(row.group);
  }
  return names;
}

void OptionList::suggest(const std::string& name, const std::vector<std::string>& values) {
  for (Option& row : rows_) {
    if (row.name == name) row.suggestions = values;
  }
}

void OptionList::need(const std::string& name, bool needed) {
  for (Option& row : rows_) {
    if (row.name == name) row.needed = needed;
  }
}

void OptionList::check() const {
  for (const Option& row : rows_) row.check();
}

Json OptionList::json() const {
  Json json = Json::object();
  for (const Option& row : rows_) {
    const Json value = row.field.json();
    if (row.saved && !value.is_null()) json[row.name] = value;
  }
  return json;
}

std::vector<std::string> OptionList::differing(const Json& one, const Json& other,
                                               MayDiffer where) const {
  Json defaults = json();
  const auto value = [&](const Json& from, const std::string& name) {
    const auto it = from.find(name);
    Json found = it == from.end() ? defaults.value(name, Json()) : *it;
    return found == "" ? Json() : found;  // an empty text is none
  };
  Json names = one;  // of all options that either knows, sorted
  names.update(other);
  for (const Option& row : rows_) {
    if (row.may_differ >= where) names.erase(row.name);
  }
  std::vector<std::string> found;
  for (const auto& item : names.items()) {
    if (value(one, item.key()) != value(other, item.key())) found.push_back(item.key());
  }
  return found;
}

}  // namespace pals
