// JSON objects as most data files have them: one level. Reading them so takes a fraction of the
// time that a parser takes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pals {

/// The keys and values of an object of strings, numbers of up to 15 characters as a writer of JSON
/// has them (0.5, not 0.50 or 5e-1), true and false, in their order: strings as they mean, the
/// others as they stand in the text. False for every other text, valid or not: parse_json has to
/// read it. `text` must be UTF-8. `unescaped` holds the strings that have escapes; views last as
/// long as it and `text` stay as they are.
bool read_flat_object(std::string_view text,
                      std::vector<std::pair<std::string_view, std::string_view>>& entries,
                      std::string& unescaped);

}  // namespace pals
