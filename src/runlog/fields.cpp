#include "runlog/fields.h"

#include <cmath>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr int64_t kMostCounted = 1'000'000'000'000'000;

[[noreturn]] void fail_field(const Json& value, const char* key, const char* expected,
                             const std::string& where) {
  fail(where, ": \"", key, "\" is ", quote(json_text(value, -1), 40), ", expected ", expected);
}

}  // namespace

const Json& field_of(const Json& object, const char* key, const std::string& where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) fail(where, ": \"", key, "\" is missing");
  return *found;
}

int64_t count_field(const Json& object, const char* key, const std::string& where) {
  const Json& value = field_of(object, key, where);
  const bool fits = value.is_number_integer() && value >= 0 && value <= kMostCounted;
  if (!fits) fail_field(value, key, "a whole number from 0 to 10^15", where);
  return value.get<int64_t>();
}

double number_field(const Json& object, const char* key, const std::string& where) {
  const Json& value = field_of(object, key, where);
  if (!value.is_number()) fail_field(value, key, "a number", where);
  return value.get<double>();
}

std::string text_field(const Json& object, const char* key, const std::string& where) {
  const Json& value = field_of(object, key, where);
  if (!value.is_string()) fail_field(value, key, "a text", where);
  return value.get<std::string>();
}

std::optional<double> optional_number(const Json& value, const std::string& where) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_number()) {
    fail(where, ": ", quote(json_text(value, -1), 40), ", expected a number or null");
  }
  return value.get<double>();
}

OrderedJson optional_to_json(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? OrderedJson(*value) : OrderedJson(nullptr);
}

int64_t version_field(const Json& object, int64_t newest, const std::string& where) {
  if (!object.is_object()) fail(where, ": expected an object");
  if (!object.contains("version")) return 1;
  const int64_t version = count_field(object, "version", where);
  if (version < 1 || version > newest) {
    fail(where, ": version ", version, ", but this program reads 1 to ", newest,
         "; read it with the program that wrote it, or a later one");
  }
  return version;
}

}  // namespace pals
