#include "eval/multi_label_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace pals {
namespace {

size_t check_sizes(size_t labels, size_t others, int64_t num_labels) {
  if (num_labels < 1 || labels != others || labels % static_cast<size_t>(num_labels) != 0) {
    throw std::invalid_argument("a metric of several labels needs each label of each text");
  }
  return static_cast<size_t>(num_labels);
}

/// What F1 is counted of.
struct Counts {
  int64_t both = 0;        ///< true positives
  int64_t either_sum = 0;  ///< 2 tp + fp + fn

  void add(bool labelled, bool predicted) {
    both += labelled && predicted ? 1 : 0;
    either_sum += (labelled ? 1 : 0) + (predicted ? 1 : 0);
  }
  double f1() const {
    if (either_sum == 0) return 0.0;
    return 2.0 * static_cast<double>(both) / static_cast<double>(either_sum);
  }
};

/// Numbers of the texts, the highest score first.
std::vector<size_t> order_of(std::span<const double> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Calls see(last) for the last text of each distinct score, from the highest, once `hits` of the
/// `seen` texts so far have the label.
template <typename See>
void for_each_score(LabelBits labels, std::span<const double> scores, const See& see) {
  const std::vector<size_t> order = order_of(scores);
  int64_t hits = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    hits += labels[order[i]] != 0 ? 1 : 0;
    const bool last = i + 1 == order.size();
    if (!last && scores[order[i + 1]] == scores[order[i]]) continue;
    see(hits, static_cast<int64_t>(i) + 1, scores[order[i]], last ? 0.0 : scores[order[i + 1]]);
  }
}

double average_precision(LabelBits labels, std::span<const double> scores) {
  const auto positive =
      static_cast<double>(std::ranges::count_if(labels, [](uint8_t bit) { return bit != 0; }));
  if (positive == 0.0) return 0.0;
  double sum = 0.0, recall = 0.0;
  for_each_score(labels, scores, [&](int64_t hits, int64_t seen, double, double) {
    const double now = static_cast<double>(hits) / positive;
    sum += (now - recall) * static_cast<double>(hits) / static_cast<double>(seen);
    recall = now;
  });
  return sum;
}

}  // namespace

double micro_f1(LabelBits labels, LabelBits predictions, int64_t num_labels) {
  check_sizes(labels.size(), predictions.size(), num_labels);
  Counts counts;
  for (size_t i = 0; i < labels.size(); ++i) counts.add(labels[i] != 0, predictions[i] != 0);
  return counts.f1();
}

double macro_f1(LabelBits labels, LabelBits predictions, int64_t num_labels) {
  const size_t width = check_sizes(labels.size(), predictions.size(), num_labels);
  std::vector<Counts> counts(width);
  for (size_t i = 0; i < labels.size(); ++i) {
    counts[i % width].add(labels[i] != 0, predictions[i] != 0);
  }
  double sum = 0.0;
  for (const Counts& label : counts) sum += label.f1();
  return sum / static_cast<double>(num_labels);
}

double subset_accuracy(LabelBits labels, LabelBits predictions, int64_t num_labels) {
  const size_t width = check_sizes(labels.size(), predictions.size(), num_labels);
  if (labels.empty()) return 0.0;
  size_t right = 0;
  for (size_t i = 0; i < labels.size(); i += width) {
    right += std::ranges::equal(labels.subspan(i, width), predictions.subspan(i, width)) ? 1 : 0;
  }
  const size_t texts = labels.size() / width;
  return static_cast<double>(right) / static_cast<double>(texts);
}

double mean_average_precision(LabelBits labels, std::span<const double> scores,
                              int64_t num_labels) {
  const size_t width = check_sizes(labels.size(), scores.size(), num_labels);
  double sum = 0.0;
  std::vector<uint8_t> bits;
  std::vector<double> own;
  for (size_t label = 0; label < width; ++label) {
    bits.clear();
    own.clear();
    for (size_t i = label; i < labels.size(); i += width) {
      bits.push_back(labels[i]);
      own.push_back(scores[i]);
    }
    sum += average_precision(bits, own);
  }
  return sum / static_cast<double>(num_labels);
}

double best_threshold(LabelBits labels, std::span<const double> scores) {
  check_sizes(labels.size(), scores.size(), 1);
  const int64_t positive = std::ranges::count_if(labels, [](uint8_t bit) { return bit != 0; });
  constexpr double kUsual = 0.5;
  double best = kUsual, best_f1 = 0.0;
  for_each_score(labels, scores, [&](int64_t hits, int64_t seen, double score, double next) {
    const double f1 = Counts{hits, seen + positive}.f1();
    double threshold = std::midpoint(score, next);
    if (threshold >= score) threshold = next;  // what has this score must be above
    if (threshold >= score) return;            // of a score of 0 nothing is below
    const bool nearer = std::abs(threshold - kUsual) < std::abs(best - kUsual);
    if (f1 > best_f1 || (f1 == best_f1 && f1 > 0.0 && nearer)) {
      best = threshold;
      best_f1 = f1;
    }
  });
  return best;
}

}  // namespace pals
