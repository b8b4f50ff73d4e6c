// The metrics of GLUE as pure functions over whole sets, agreeing with scikit-learn and SciPy.
#pragma once

#include <cstdint>
#include <span>

namespace pals {

// All take two spans of one length, labels first; other lengths throw std::invalid_argument.
// Classes may be any integers. Nothing is averaged over batches: hand over the whole set.

/// The share of equal pairs, in [0, 1]; 0 for empty input.
double accuracy(std::span<const int32_t> labels, std::span<const int32_t> predictions);

/// F1 of class 1 against all others: 2 tp / (2 tp + fp + fn), in [0, 1]. As in scikit-learn 0 where
/// it is undefined (class 1 neither occurs nor is predicted).
double f1_score(std::span<const int32_t> labels, std::span<const int32_t> predictions);

/// Matthews' correlation for any number of classes (Gorodkin's R_K), in [-1, 1]. As in scikit-learn
/// 0 where it is undefined (all labels, or all predictions, are one class).
double matthews_correlation(std::span<const int32_t> labels, std::span<const int32_t> predictions);

/// Pearson's correlation, in [-1, 1]. As in SciPy NaN where it is undefined: a side is constant or
/// holds a NaN or an infinity, or there are fewer than two values.
double pearson_correlation(std::span<const double> labels, std::span<const double> predictions);

/// Spearman's correlation: Pearson's of the ranks, equal values sharing their average rank. NaN
/// where Pearson's is, except that infinities are ranked like other values.
double spearman_correlation(std::span<const double> labels, std::span<const double> predictions);

/// The mean distance of the pairs, and the root of their mean squared distance; 0 for empty input.
double mean_absolute_error(std::span<const double> labels, std::span<const double> predictions);
double root_mean_squared_error(std::span<const double> labels, std::span<const double> predictions);

}  // namespace pals
