#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace pals {
namespace {

constexpr int64_t kMostResamples = 1000, kLeastResamples = 200, kDraws = 5'000'000;

// Between the two nearest of sorted values.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

int64_t usual_resamples(int64_t rows) {
  return std::clamp(kDraws / std::max<int64_t>(1, rows), kLeastResamples, kMostResamples);
}

std::vector<std::vector<double>> bootstrap(const Statistic& statistic, int64_t rows,
                                           int64_t resamples, uint64_t seed) {
  std::vector<std::vector<double>> figures;
  if (rows <= 0) return figures;
  std::vector<uint32_t> drawn(static_cast<size_t>(rows));
  for (int64_t i = 0; i < resamples; ++i) {
    Random random(seed, static_cast<uint64_t>(i));
    for (uint32_t& row : drawn) row = static_cast<uint32_t>(random.below(drawn.size()));
    const std::vector<double> values = statistic(drawn);
    figures.resize(std::max(figures.size(), values.size()));
    for (size_t f = 0; f < values.size(); ++f) figures[f].push_back(values[f]);
  }
  return figures;
}

std::optional<Interval> percentile_interval(std::vector<double> values) {
  constexpr double kLow = 0.025, kHigh = 0.975;
  const bool finite = std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
  if (values.empty() || !finite) return std::nullopt;
  std::ranges::sort(values);
  return Interval{quantile(values, kLow), quantile(values, kHigh)};
}

}  // namespace pals
