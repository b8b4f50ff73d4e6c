// Labels that look mistyped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Labels by their numbers.
struct LabelTypo {
  size_t label = 0;  ///< of one or two rows
  size_t meant = 0;  ///< of many
};

/// Labels of few rows that differ from one of many by a letter, or by two that changed places, and
/// not in case or blanks alone.
/// `counts` are of the rows of each label.
std::vector<LabelTypo> find_typos(const std::vector<std::string>& labels,
                                  const std::vector<int64_t>& counts);

/// Whether one name can be a slip of the other: names of four letters and more that differ in one
/// letter, or of three and more in which two neighbours changed places; but not in digits, which
/// tell names apart. Of tags such as B-X the types are compared.
bool is_slip_of(std::string_view name, std::string_view other);

}  // namespace pals
