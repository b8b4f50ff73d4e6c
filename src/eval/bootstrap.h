// How far a figure would be another one on other rows of the same kind (Efron's bootstrap).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace pals {

/// Figures over some rows of a set, each given by its number; a row may come several times.
using Statistic = std::function<std::vector<double>(std::span<const uint32_t> rows)>;

/// Between which two values 95 of 100 resamples lie.
struct Interval {
  double low = 0.0, high = 0.0;
};

/// How many resamples of a set of so many rows are worth their time: 1,000, fewer of large sets,
/// whose intervals need them less, at least 200.
int64_t usual_resamples(int64_t rows);

/// Each figure over `resamples` draws, with replacement, of as many rows as there are: [figure]
/// [resample]. A function of the seed. Without rows or resamples nothing.
std::vector<std::vector<double>> bootstrap(const Statistic& statistic, int64_t rows,
                                           int64_t resamples, uint64_t seed);

/// The interval from the 2.5th to the 97.5th percentile; nothing if a value is not finite or there
/// are none.
std::optional<Interval> percentile_interval(std::vector<double> values);

}  // namespace pals
