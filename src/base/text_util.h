// Small work on byte strings: cutting, joining, numbers to and from text, suggestions for typos.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// The pieces between separators, empty ones included; the text "" has one piece.
/// The views point into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);

/// The pieces with `separator` between them.
std::string join(const std::vector<std::string>& pieces, std::string_view separator);

/// ASCII letters lower-cased, other bytes as they are.
std::string ascii_lower(std::string_view text);

/// The candidate with the smallest edit distance to `name` (letter case ignored; the first on
/// ties), or "" when none is near enough to be meant: at most a third of the letters wrong, two in
/// short names. Names may be untrusted: what is very long or comes very late is passed over.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// The same as the end of an error message: "; did you mean \"cola\"?", or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);
/// With all of them behind it: "; did you mean \"cola\"? Known: cola, rte" or ". Known: cola, rte".
std::string did_you_mean_one_of(std::string_view name, const std::vector<std::string>& candidates,
                                std::string_view title = "Known");

/// A piece of untrusted text for an error message: in double quotes, or in single ones if it holds
/// double ones alone, control characters escaped, cut after `max_bytes` at a UTF-8 boundary.
std::string quote(std::string_view text, size_t max_bytes = 60);

/// Fixed notation with `digits` decimals whatever the locale: "0.530", "nan", "inf", "-inf".
std::string format_double(double value, int digits);

/// The number that the shortest decimal of the nearest float stands for: what a value that went
/// through a float was, 0.1 for 0.10000000149. As it is if it is not finite, or beyond all floats.
double without_float_noise(double value);

/// Thousands set apart by commas: "1,234,567".
std::string format_count(uint64_t count);

/// A number of things: "1 row", "2 rows", "1,200 rows"; `many` is for words that take no -s.
std::string counted(int64_t count, std::string_view one, std::string_view many = {});

/// A time span: "0:07", "12:30", "3:05:09", "4d 03:05:09"; "?" if negative or not finite.
std::string format_duration(double seconds);

/// The whole text as a decimal integer or floating-point number (as std::from_chars reads it);
/// nothing for empty text, rubbish around it, or a value out of range.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

}  // namespace pals
