// What differs between two JSON values, in words for a message.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace pals {

/// A text for each value that differs, with the old and the new one: `task sst, labels was "no,
/// yes", now "yes, no"`. Objects are compared key by key; `name` (may be empty) and the keys name a
/// value. Long values are cut.
std::vector<std::string> json_differences(const std::string& name, const Json& old_value,
                                          const Json& new_value);

/// The first of the texts, as many of the others as are short together, and how many more there
/// are.
std::string some_differences(const std::vector<std::string>& differences);

}  // namespace pals
