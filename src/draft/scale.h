// What the values of a regression are divided by.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "draft/sample.h"

namespace pals {

struct FoundScale {
  std::optional<double> scale;  ///< nothing: no value is beyond 1
  std::string doubt;            ///< which values are far out, for the user; empty: none is
};

/// The largest absolute value of a column in all files of a task, rounded up. Of 20 values or more,
/// one, or up to 1 % of them, that are more than three times as large as the next largest are left
/// aside and named: most likely they are slips, or stand for a missing value.
FoundScale find_scale(const std::vector<Sample>& samples, size_t column);

}  // namespace pals
