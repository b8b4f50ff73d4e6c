// JSON from untrusted files: bounded depth, no duplicate keys, errors with line and column.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace pals {

using Json = nlohmann::json;                 ///< keys sorted
using OrderedJson = nlohmann::ordered_json;  ///< keys as inserted; for writing

/// Arrays and objects may nest this deep.
inline constexpr int kMaxJsonDepth = 64;

/// Parses exactly one JSON value. `where` names the text in errors ("tasks.json").
/// Throws Error "where:line:column: ..." for syntax errors, invalid UTF-8, duplicate keys, numbers
/// out of a double's range, nesting deeper than kMaxJsonDepth, and values so small and many that
/// they would take more memory than 4 times the text and 50 MB.
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file. Throws Error as read_file and parse_json do.
Json read_json(const std::string& path, uint64_t max_bytes = uint64_t{64} << 20);

/// The text of a value: indented by two blanks and with a final line feed (indent 2), or on one
/// line without (indent -1). Invalid UTF-8 in strings becomes U+FFFD, so that this cannot fail.
std::string json_text(const Json& value, int indent = 2);
std::string json_text(const OrderedJson& value, int indent = 2);

}  // namespace pals
