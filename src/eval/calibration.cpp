#include "eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pals {

std::vector<CalibrationBin> calibration_bins(std::span<const double> probabilities,
                                             std::span<const uint8_t> right, size_t num_bins) {
  if (probabilities.size() != right.size() || num_bins == 0) {
    throw std::invalid_argument("calibration_bins: a truth for each probability, and bins");
  }
  std::vector<CalibrationBin> bins(num_bins);
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const double value =
        std::isnan(probabilities[i]) ? 0.0 : std::clamp(probabilities[i], 0.0, 1.0);
    const auto place = static_cast<size_t>(value * static_cast<double>(num_bins));
    CalibrationBin& bin = bins[std::min(place, num_bins - 1)];
    ++bin.count;
    bin.probability += value;
    bin.right += right[i] != 0 ? 1.0 : 0.0;
  }
  for (CalibrationBin& bin : bins) {
    if (bin.count == 0) continue;
    bin.probability /= static_cast<double>(bin.count);
    bin.right /= static_cast<double>(bin.count);
  }
  return bins;
}

double calibration_error(std::span<const CalibrationBin> bins) {
  double sum = 0.0;
  int64_t count = 0;
  for (const CalibrationBin& bin : bins) {
    sum += static_cast<double>(bin.count) * std::abs(bin.probability - bin.right);
    count += bin.count;
  }
  return count == 0 ? 0.0 : sum / static_cast<double>(count);
}

}  // namespace pals
