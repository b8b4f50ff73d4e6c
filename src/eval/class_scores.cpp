#include "eval/class_scores.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace pals {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double ClassScores::precision() const { return ratio(right, predicted); }
double ClassScores::recall() const { return ratio(right, gold); }
double ClassScores::f1() const { return ratio(2 * right, gold + predicted); }

ConfusionMatrix::ConfusionMatrix(size_t num_classes)
    : num_classes_(num_classes),
      counts_(num_classes * num_classes),
      gold_(num_classes),
      predicted_(num_classes) {}

void ConfusionMatrix::add(size_t gold, size_t predicted) {
  if (gold >= num_classes_ || predicted >= num_classes_) throw std::out_of_range("a class");
  ++counts_[gold * num_classes_ + predicted];
  ++gold_[gold];
  ++predicted_[predicted];
  ++total_;
  right_ += gold == predicted ? 1 : 0;
}

int64_t ConfusionMatrix::count(size_t gold, size_t predicted) const {
  return counts_.at(gold * num_classes_ + predicted);
}

ClassScores ConfusionMatrix::scores(size_t number) const {
  return {gold_.at(number), predicted_.at(number), count(number, number)};
}

void ConfusionMatrix::clear() {
  for (std::vector<int64_t>* counts : {&counts_, &gold_, &predicted_}) {
    std::ranges::fill(*counts, 0);
  }
  total_ = right_ = 0;
}

double accuracy(const ConfusionMatrix& matrix) { return ratio(matrix.right(), matrix.total()); }

// Gorodkin's R_K: (c s - sum p_k t_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2)).
double matthews_correlation(const ConfusionMatrix& matrix) {
  const auto total = static_cast<double>(matrix.total());
  double both = static_cast<double>(matrix.right()) * total;
  double predicted = total * total, given = total * total;
  for (size_t i = 0; i < matrix.num_classes(); ++i) {
    const ClassScores scores = matrix.scores(i);
    const auto p = static_cast<double>(scores.predicted), t = static_cast<double>(scores.gold);
    both -= p * t;
    predicted -= p * p;
    given -= t * t;
  }
  const double length = std::sqrt(predicted) * std::sqrt(given);
  return length > 0.0 ? both / length : 0.0;
}

double macro_f1(const ConfusionMatrix& matrix) {
  double sum = 0.0;
  int64_t classes = 0;
  for (size_t i = 0; i < matrix.num_classes(); ++i) {
    const ClassScores scores = matrix.scores(i);
    if (scores.gold + scores.predicted == 0) continue;
    sum += scores.f1();
    ++classes;
  }
  return classes == 0 ? 0.0 : sum / static_cast<double>(classes);
}

double macro_f1(std::span<const int32_t> labels, std::span<const int32_t> predictions) {
  if (labels.size() != predictions.size()) {
    throw std::invalid_argument("a metric needs as many predictions as labels");
  }
  std::map<int32_t, ClassScores> classes;
  for (size_t i = 0; i < labels.size(); ++i) {
    ++classes[labels[i]].gold;
    ++classes[predictions[i]].predicted;
    if (labels[i] == predictions[i]) ++classes[labels[i]].right;
  }
  if (classes.empty()) return 0.0;
  double sum = 0.0;
  for (const auto& [number, scores] : classes) sum += scores.f1();
  return sum / static_cast<double>(classes.size());
}

}  // namespace pals
