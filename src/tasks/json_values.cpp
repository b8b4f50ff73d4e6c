#include "tasks/json_values.h"

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/text_rows.h"

namespace pals {

void fail_type(const std::string& where, std::string_view key, const Json& value,
               std::string_view wanted) {
  fail_usage(where, ": ", quote(key), " is ", value.type_name(), ", want ", wanted);
}

void fail_unknown_key(const std::string& key, const std::vector<std::string>& valid,
                      const std::string& where) {
  fail_usage(where, ": unknown key ", quote(key), did_you_mean(key, valid),
             " (keys: ", quote_list(valid), ")");
}

const std::string& string_of(const Json& value, std::string_view key, const std::string& where) {
  if (!value.is_string()) fail_type(where, key, value, "a string");
  return value.get_ref<const std::string&>();
}

bool bool_of(const Json& value, std::string_view key, const std::string& where) {
  if (!value.is_boolean()) fail_type(where, key, value, "true or false");
  return value.get<bool>();
}

int64_t integer_of(const Json& value, std::string_view key, int64_t lowest, int64_t highest,
                   const std::string& where) {
  if (!value.is_number_integer()) {
    fail_type(where, key, value,
              value.is_string() ? "a whole number, without quotes" : "a whole number");
  }
  // Unsigned values past int64 wrap to negative ones in nlohmann's get.
  const bool fits =
      !value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(highest);
  const int64_t number = fits ? value.get<int64_t>() : highest;
  if (!fits || number < lowest || number > highest) {
    fail_usage(where, ": ", quote(key), " is ", value.dump(), ", want a number from ", lowest,
               " to ", highest);
  }
  return number;
}

double number_of(const Json& value, std::string_view key, double lowest, double highest,
                 const std::string& where) {
  if (!value.is_number()) {
    fail_type(where, key, value, value.is_string() ? "a number, without quotes" : "a number");
  }
  const auto number = value.get<double>();
  if (!(number >= lowest && number <= highest)) {
    fail_usage(where, ": ", quote(key), " is ", value.dump(), ", want a number from ", lowest,
               " to ", highest);
  }
  return number;
}

}  // namespace pals
