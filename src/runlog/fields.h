// Typed values out of JSON objects of a run's files.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace pals {

/// The value of a key; Error "where: "key" is ..., expected ..." if it is missing or of another
/// type. Counts are whole numbers from 0 to 10^15, numbers are finite.
const Json& field_of(const Json& object, const char* key, const std::string& where);
int64_t count_field(const Json& object, const char* key, const std::string& where);
double number_field(const Json& object, const char* key, const std::string& where);
std::string text_field(const Json& object, const char* key, const std::string& where);

/// A number, or nothing for null.
std::optional<double> optional_number(const Json& value, const std::string& where);
OrderedJson optional_to_json(const std::optional<double>& value);

/// The version that an object states, 1 if none; Error for one later than `newest`.
int64_t version_field(const Json& object, int64_t newest, const std::string& where);

}  // namespace pals
