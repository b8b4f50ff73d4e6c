// Checks that outside text is UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pals {

/// The offset of the first byte that is not part of well-formed UTF-8 (Unicode table 3-7: no
/// overlong forms, no surrogates, nothing past U+10FFFF), or nothing.
std::optional<size_t> first_invalid_utf8(std::string_view text);

}  // namespace pals
