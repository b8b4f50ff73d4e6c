#include "eval/mean_interval.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace pals {
namespace {

// The 97.5th percentile of Student's distribution with 1, 2, ... degrees of freedom.
constexpr std::array kStudent = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
                                 2.2622,  2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199,
                                 2.1098,  2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
                                 2.0595,  2.0555, 2.0518, 2.0484, 2.0452, 2.0423};

// Beyond the table by the expansion around the normal distribution (Cornish and Fisher).
double student(size_t freedom) {
  if (freedom <= kStudent.size()) return kStudent[freedom - 1];
  constexpr double kNormal = 1.959964, kFirst = 2.37227, kSecond = 2.82250;
  const auto n = static_cast<double>(freedom);
  return kNormal + kFirst / n + kSecond / (n * n);
}

}  // namespace

std::optional<Interval> mean_interval(std::span<const double> values) {
  const bool finite = std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
  if (values.size() < 2 || !finite) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  double mean = 0.0, squares = 0.0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (count - 1.0) / count);
  const double reach = student(values.size() - 1) * error;
  return Interval{mean - reach, mean + reach};
}

}  // namespace pals
