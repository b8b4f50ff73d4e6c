// How far predicted probabilities are to be trusted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pals {

/// The predictions whose probability lies in one of several ranges of equal width.
struct CalibrationBin {
  int64_t count = 0;
  double probability = 0.0;  ///< their mean probability, in [0, 1]
  double right = 0.0;        ///< the share of them that is right, in [0, 1]
};

/// Sorts predictions into bins over [0, 1]: `probabilities` are theirs, clamped to [0, 1], `right`
/// whether each came true. Throws std::invalid_argument for spans of different lengths or no bins.
std::vector<CalibrationBin> calibration_bins(std::span<const double> probabilities,
                                             std::span<const uint8_t> right, size_t num_bins = 10);

/// The expected calibration error: the mean over the predictions of the distance between their
/// bin's probability and share; in [0, 1], 0 without predictions.
double calibration_error(std::span<const CalibrationBin> bins);

}  // namespace pals
