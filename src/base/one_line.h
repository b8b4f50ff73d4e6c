// Messages as people read them in a terminal: one line, of bounded length, that moves no cursor.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pals {

/// A message as one line of at most `max_characters`: control characters and bytes that are no
/// UTF-8 escaped, and of a longer one the beginning and the end with " ... " between.
std::string one_line(std::string_view message, size_t max_characters = 300);

}  // namespace pals
