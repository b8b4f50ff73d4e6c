// Values out of a user's JSON objects, with errors that name the key, what it is and what it should
// be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pals {

/// Throws UsageError: the key's value has the wrong type.
[[noreturn]] void fail_type(const std::string& where, std::string_view key, const Json& value,
                            std::string_view wanted);

/// Throws UsageError: an unknown key, with the nearest of the valid ones.
[[noreturn]] void fail_unknown_key(const std::string& key, const std::vector<std::string>& valid,
                                   const std::string& where);

/// The value as a string, a truth value, a whole number or a number in a range. UsageError if it is
/// none.
const std::string& string_of(const Json& value, std::string_view key, const std::string& where);
bool bool_of(const Json& value, std::string_view key, const std::string& where);
int64_t integer_of(const Json& value, std::string_view key, int64_t lowest, int64_t highest,
                   const std::string& where);
double number_of(const Json& value, std::string_view key, double lowest, double highest,
                 const std::string& where);

}  // namespace pals
