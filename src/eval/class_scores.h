// How each of several classes was predicted, agreeing with scikit-learn.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pals {

/// One class against all others.
struct ClassScores {
  int64_t gold = 0, predicted = 0, right = 0;  ///< how often: given, predicted, both

  /// In [0, 1]; 0 where undefined.
  double precision() const;
  double recall() const;
  double f1() const;  ///< 2 right / (gold + predicted)
};

/// How often each class was predicted as which.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(size_t num_classes);

  /// Both in [0, num_classes); std::out_of_range else.
  void add(size_t gold, size_t predicted);

  size_t num_classes() const { return num_classes_; }
  int64_t count(size_t gold, size_t predicted) const;
  ClassScores scores(size_t number) const;
  void clear();  ///< as if nothing had been added
  int64_t total() const { return total_; }
  int64_t right() const { return right_; }

 private:
  size_t num_classes_;
  std::vector<int64_t> counts_, gold_, predicted_;
  int64_t total_ = 0, right_ = 0;
};

/// accuracy(), matthews_correlation() and macro_f1() of the pairs that were added.
double accuracy(const ConfusionMatrix& matrix);
double matthews_correlation(const ConfusionMatrix& matrix);
double macro_f1(const ConfusionMatrix& matrix);

/// The mean F1 over the classes that occur or are predicted; 0 for empty input. Spans of one
/// length, labels first; other lengths throw std::invalid_argument.
double macro_f1(std::span<const int32_t> labels, std::span<const int32_t> predictions);

}  // namespace pals
