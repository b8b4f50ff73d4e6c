// Numbers as people write them, in columns of texts.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pals {

/// The number that a regression would read.
std::optional<double> number_of(std::string_view value);

/// Numbers that are written as no reader takes them.
struct DressedNumbers {
  const char* how = nullptr;  ///< "a decimal comma", "a percent sign", ...
  const char* plain = "";     ///< such a number as it is wanted
  size_t count = 0;
  size_t first = 0;  ///< row
};

/// Collects how values that are no numbers are written, if they are some but for that.
class Dressings {
 public:
  void see(std::string_view value, size_t row);

  size_t count() const { return percent_.count + money_.count + thousands_.count + decimal_.count; }

  /// Whether commas part values as they do numbers, and not as labels, which stand in their order:
  /// "1,3". `whole` says that the column's other numbers are.
  bool parted_numbers(bool whole) const;

  /// The most frequent of them.
  DressedNumbers most() const;

 private:
  DressedNumbers decimal_{.how = "a decimal comma", .plain = "4.5"};
  DressedNumbers thousands_{.how = "thousands set apart by a comma", .plain = "1200"};
  DressedNumbers percent_{.how = "a percent sign", .plain = "45"};
  DressedNumbers money_{.how = "a sign of money", .plain = "12.5"};
  bool ascending_ = true;
};

}  // namespace pals
