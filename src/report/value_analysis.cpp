// Of regressions.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/metrics.h"
#include "report/kind_analysis.h"

namespace pals {
namespace {

struct Values {
  std::vector<double> gold, predicted;
};

}  // namespace

void analyse_values(const TaskPredictions& predictions, TaskAnalysis& analysis) {
  auto values = std::make_shared<Values>();
  std::vector<size_t> numbers;
  std::vector<int64_t> place(predictions.rows.size(), -1);
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const PredictionRecord& row = predictions.rows[i];
    if (!row.gold.is_number() || !row.prediction.is_number()) {
      ++analysis.left_out;
      continue;
    }
    place[i] = std::ssize(values->gold);
    numbers.push_back(i);
    values->gold.push_back(row.gold.get<double>());
    values->predicted.push_back(row.prediction.get<double>());
    analysis.values.emplace_back(values->gold.back(), values->predicted.back());
  }
  const double rmse = root_mean_squared_error(values->gold, values->predicted);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const double off = std::abs(values->gold[i] - values->predicted[i]);
    if (!(off > rmse)) continue;
    analysis.wrong.push_back({.number = numbers[i],
                              .badness = off,
                              .gold = format_double(values->gold[i], 2),
                              .prediction = format_double(values->predicted[i], 2),
                              .measure = concat("off by ", format_double(off, 2))});
  }
  analysis.wrong_order = "ordered by how far they are off";
  if (!values->gold.empty()) {
    const double sum = std::accumulate(values->gold.begin(), values->gold.end(), 0.0);
    const double mean = sum / static_cast<double>(values->gold.size());
    const std::vector<double> always(values->gold.size(), mean);
    analysis.baseline = {concat("always ", format_double(mean, 2)), "rmse",
                         root_mean_squared_error(values->gold, always)};
  }
  analysis.metric_names = {"pearson", "spearman", "mae", "rmse"};
  analysis.statistic = [values, place](std::span<const uint32_t> rows) {
    std::vector<double> gold, predicted;
    for (const uint32_t row : rows) {
      if (place[row] < 0) continue;
      gold.push_back(values->gold[static_cast<size_t>(place[row])]);
      predicted.push_back(values->predicted[static_cast<size_t>(place[row])]);
    }
    return std::vector<double>{
        pearson_correlation(gold, predicted), spearman_correlation(gold, predicted),
        mean_absolute_error(gold, predicted), root_mean_squared_error(gold, predicted)};
  };
}

}  // namespace pals
