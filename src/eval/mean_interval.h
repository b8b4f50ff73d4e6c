// Between which values the mean of a few measurements lies, such as those of several seeds.
#pragma once

#include <optional>
#include <span>

#include "eval/bootstrap.h"

namespace pals {

/// The 95 % interval of the mean that the values are drawn around, by Student's t; nothing of fewer
/// than two values, and where one is not finite.
std::optional<Interval> mean_interval(std::span<const double> values);

}  // namespace pals
