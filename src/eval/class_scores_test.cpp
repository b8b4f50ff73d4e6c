#include "eval/class_scores.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "eval/metrics.h"

namespace pals {
namespace {

using Classes = std::vector<int32_t>;

// By hand; scikit-learn's precision_recall_fscore_support gives the same.
TEST(ClassScores, OfAConfusionMatrix) {
  const Classes gold = {0, 0, 0, 1, 1, 2}, said = {0, 0, 1, 1, 0, 0};
  ConfusionMatrix matrix(4);
  for (size_t i = 0; i < gold.size(); ++i) {
    matrix.add(static_cast<size_t>(gold[i]), static_cast<size_t>(said[i]));
  }
  EXPECT_EQ(matrix.total(), 6);
  EXPECT_EQ(matrix.right(), 3);
  EXPECT_EQ(matrix.count(2, 0), 1);
  EXPECT_DOUBLE_EQ(matrix.scores(0).precision(), 0.5);
  EXPECT_DOUBLE_EQ(matrix.scores(0).recall(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(matrix.scores(0).f1(), 4.0 / 7.0);
  EXPECT_DOUBLE_EQ(matrix.scores(2).precision(), 0.0);
  EXPECT_DOUBLE_EQ(matrix.scores(3).f1(), 0.0);
  EXPECT_DOUBLE_EQ(accuracy(matrix), accuracy(gold, said));
  EXPECT_DOUBLE_EQ(macro_f1(matrix), macro_f1(gold, said));
  EXPECT_NEAR(matthews_correlation(matrix), matthews_correlation(gold, said), 1e-12);
  EXPECT_THROW(matrix.add(4, 0), std::out_of_range);
  // The fourth class neither occurs nor is predicted.
  EXPECT_DOUBLE_EQ(macro_f1(gold, said), (4.0 / 7.0 + 0.5 + 0.0) / 3.0);
  EXPECT_DOUBLE_EQ(macro_f1(Classes{}, Classes{}), 0.0);
  matrix.clear();
  EXPECT_EQ(matrix.total(), 0);
  EXPECT_DOUBLE_EQ(macro_f1(matrix), 0.0);
  EXPECT_DOUBLE_EQ(matthews_correlation(matrix), 0.0);
  EXPECT_THROW(macro_f1(gold, Classes{1}), std::invalid_argument);
}

}  // namespace
}  // namespace pals
