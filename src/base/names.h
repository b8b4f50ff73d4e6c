// Enumerations by name. An enumeration has one table of names, which reads and writes it:
//
//   enum class Side { kLeft, kRight };
//   inline constexpr Name<Side> kSides[] = {{Side::kLeft, "left"}, {Side::kRight, "right"}};
//   constexpr std::span<const Name<Side>> names_of(Side) { return kSides; }
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pals {

/// A row of an enumeration's table.
template <typename Enum>
struct Name {
  Enum value;
  const char* text;
};

/// An enumeration with a table; names_of() is found beside it.
template <typename Enum>
concept Named = std::is_enum_v<Enum> && requires(Enum value) {
  names_of(value);
};

/// The name of a value.
template <Named Enum>
const char* name_of(Enum value) {
  for (const Name<Enum>& name : names_of(value)) {
    if (name.value == value) return name.text;
  }
  throw std::logic_error("name_of: a value without a name");
}

/// The value of that name, or nothing.
template <Named Enum>
std::optional<Enum> from_name(std::string_view text) {
  for (const Name<Enum>& name : names_of(Enum{})) {
    if (text == name.text) return name.value;
  }
  return std::nullopt;
}

/// All names, in the order of the table.
template <Named Enum>
std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const Name<Enum>& name : names_of(Enum{})) names.emplace_back(name.text);
  return names;
}

}  // namespace pals
