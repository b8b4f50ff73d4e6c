#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <unordered_map>
#include <vector>

namespace pals {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

template <typename T>
void check_sizes(std::span<const T> labels, std::span<const T> predictions) {
  if (labels.size() != predictions.size()) {
    throw std::invalid_argument("a metric needs as many predictions as labels");
  }
}

bool is_constant(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
}

/// Deviations from the mean, scaled to a length of 1. The values are finite and not all equal. They
/// are divided by the largest first, so that no square overflows or vanishes.
std::vector<double> normalised_deviations(std::span<const double> values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  std::vector<double> deviations(values.begin(), values.end());
  double sum = 0.0;
  for (double& value : deviations) sum += value /= largest;
  const double mean = sum / static_cast<double>(deviations.size());
  double squares = 0.0;
  for (double& value : deviations) {
    value -= mean;
    squares += value * value;
  }
  const double length = std::sqrt(squares);
  for (double& value : deviations) value /= length;
  return deviations;
}

/// Ranks from 1; equal values share the average of their ranks. No NaN among the values.
std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double rank = static_cast<double>(first + 1 + end) / 2.0;
    for (; first < end; ++first) ranks[order[first]] = rank;
  }
  return ranks;
}

}  // namespace

double accuracy(std::span<const int32_t> labels, std::span<const int32_t> predictions) {
  check_sizes(labels, predictions);
  if (labels.empty()) return 0.0;
  size_t equal = 0;
  for (size_t i = 0; i < labels.size(); ++i) equal += labels[i] == predictions[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(labels.size());
}

double f1_score(std::span<const int32_t> labels, std::span<const int32_t> predictions) {
  check_sizes(labels, predictions);
  size_t both = 0;
  size_t either_sum = 0;  // 2 tp + fp + fn
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool labelled = labels[i] == 1;
    const bool predicted = predictions[i] == 1;
    both += labelled && predicted ? 1 : 0;
    either_sum += (labelled ? 1 : 0) + (predicted ? 1 : 0);
  }
  if (either_sum == 0) return 0.0;
  return 2.0 * static_cast<double>(both) / static_cast<double>(either_sum);
}

double matthews_correlation(std::span<const int32_t> labels, std::span<const int32_t> predictions) {
  check_sizes(labels, predictions);
  struct Counts {
    int64_t labelled = 0;
    int64_t predicted = 0;
  };
  std::unordered_map<int32_t, Counts> classes;
  int64_t correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    ++classes[labels[i]].labelled;
    ++classes[predictions[i]].predicted;
    correct += labels[i] == predictions[i] ? 1 : 0;
  }
  // n^2 times the covariances of the one-hot labels and predictions; integers, so zero is exact.
  const auto total = static_cast<int64_t>(labels.size());
  int64_t covariance = correct * total;
  int64_t label_variance = total * total;
  int64_t prediction_variance = total * total;
  for (const auto& [index, counts] : classes) {
    covariance -= counts.labelled * counts.predicted;
    label_variance -= counts.labelled * counts.labelled;
    prediction_variance -= counts.predicted * counts.predicted;
  }
  if (label_variance == 0 || prediction_variance == 0) return 0.0;
  // One square root of the product: equal variances then give back exactly themselves.
  return static_cast<double>(covariance) /
         std::sqrt(static_cast<double>(label_variance) * static_cast<double>(prediction_variance));
}

double pearson_correlation(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  const auto finite = [](double value) { return std::isfinite(value); };
  if (labels.size() < 2 || is_constant(labels) || is_constant(predictions) ||
      !std::all_of(labels.begin(), labels.end(), finite) ||
      !std::all_of(predictions.begin(), predictions.end(), finite)) {
    return kUndefined;
  }
  const std::vector<double> x = normalised_deviations(labels);
  const std::vector<double> y = normalised_deviations(predictions);
  const double product = std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  return std::clamp(product, -1.0, 1.0);  // rounding may lead past 1
}

double spearman_correlation(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  const auto undefined = [](double value) { return std::isnan(value); };
  if (std::any_of(labels.begin(), labels.end(), undefined) ||
      std::any_of(predictions.begin(), predictions.end(), undefined)) {
    return kUndefined;
  }
  return pearson_correlation(average_ranks(labels), average_ranks(predictions));
}

double mean_absolute_error(std::span<const double> labels, std::span<const double> predictions) {
  check_sizes(labels, predictions);
  if (labels.empty()) return 0.0;
  double sum = 0.0;
  for (size_t i = 0; i < labels.size(); ++i) sum += std::abs(labels[i] - predictions[i]);
  return sum / static_cast<double>(labels.size());
}

double root_mean_squared_error(std::span<const double> labels,
                               std::span<const double> predictions) {
  check_sizes(labels, predictions);
  if (labels.empty()) return 0.0;
  double sum = 0.0;
  for (size_t i = 0; i < labels.size(); ++i) {
    sum += (labels[i] - predictions[i]) * (labels[i] - predictions[i]);
  }
  return std::sqrt(sum / static_cast<double>(labels.size()));
}

}  // namespace pals
