// Metrics of texts that have any number of labels, agreeing with scikit-learn.
#pragma once

#include <cstdint>
#include <span>

namespace pals {

/// Which of L labels N texts have, text by text: [N * L] of 0 and 1.
using LabelBits = std::span<const uint8_t>;

// All take two arrays of one size, a multiple of `num_labels` > 0: std::invalid_argument for
// others. All are in [0, 1]. F1 is 2 tp / (2 tp + fp + fn), and 0 where that is undefined.

/// F1 of all labels of all texts together.
double micro_f1(LabelBits labels, LabelBits predictions, int64_t num_labels);

/// The mean over the labels of each one's F1.
double macro_f1(LabelBits labels, LabelBits predictions, int64_t num_labels);

/// The share of texts whose labels are predicted exactly; 0 for empty input.
double subset_accuracy(LabelBits labels, LabelBits predictions, int64_t num_labels);

/// The mean over the labels of the average precision: the sum over the distinct scores, from the
/// highest, of the precision there times what the recall grows by. `scores`: [N * L], the higher
/// the likelier. A label that no text has counts as 0.
double mean_average_precision(LabelBits labels, std::span<const double> scores, int64_t num_labels);

/// Half way between the two neighbouring scores that give the best F1 of one label, if what is
/// above is predicted; of equally good ones the nearest to 0.5, which is also what a label gets
/// that no text has. `labels`: [N], `scores`: [N] in [0, 1].
double best_threshold(LabelBits labels, std::span<const double> scores);

}  // namespace pals
