#include "kinds/choosing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "base/error.h"
#include "eval/class_scores.h"
#include "eval/metrics.h"

namespace pals {

Prediction choose_likeliest(std::span<const float> logits) {
  Prediction prediction;
  const auto best = std::ranges::max_element(logits);
  prediction.label = static_cast<int32_t>(best - logits.begin());
  prediction.logits.assign(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) {
    prediction.probabilities.push_back(std::exp(static_cast<double>(logit) - *best));
    sum += prediction.probabilities.back();
  }
  for (double& probability : prediction.probabilities) probability /= sum;
  return prediction;
}

OrderedJson label_scores(const std::vector<std::string>& labels, const Prediction& prediction,
                         bool raw) {
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](size_t label) { return prediction.probabilities[label]; });
  OrderedJson scores = OrderedJson::array();
  for (const size_t label : order) {
    scores.push_back({{"label", labels[label]},
                      {"score", raw ? static_cast<double>(prediction.logits[label])
                                    : prediction.probabilities[label]}});
  }
  return scores;
}

Measures measure_labels(const Task& task, const DecodedFile& file) {
  std::vector<int32_t> labels, predictions;
  for (int64_t e = 0; e < file.features.num_examples(); ++e) {
    const std::span<const float> targets = file.features.targets_of(e);
    labels.push_back(targets.empty() ? -1 : static_cast<int32_t>(targets.front()));
    predictions.push_back(file.predictions[static_cast<size_t>(e)].label);
  }
  Measures measures{{}, static_cast<int64_t>(labels.size())};
  for (const Metric metric : task.metrics) {
    measures.values.push_back(metric == Metric::kF1        ? f1_score(labels, predictions)
                              : metric == Metric::kMacroF1 ? macro_f1(labels, predictions)
                              : metric == Metric::kMatthews
                                  ? matthews_correlation(labels, predictions)
                                  : accuracy(labels, predictions));
  }
  return measures;
}

void for_each_example(const PackedBatch& batch, const Segment& segment, const SeeExample& see) {
  for (int64_t g = segment.first_example; g < segment.last_example; ++g) {
    const auto i = static_cast<size_t>(g);
    see(batch.targets_of(g), batch.group_offsets[i] - segment.first_row,
        batch.group_offsets[i + 1] - segment.first_row);
  }
}

int64_t chosen_of(std::span<const float> targets, int64_t count, const char* what) {
  const int64_t chosen = targets.size() == 1 ? static_cast<int64_t>(targets.front()) : -1;
  if (chosen >= 0 && chosen < count) return chosen;
  throw std::logic_error(concat("target ", chosen, " of ", count, " ", what));
}

void add_choosing_teacher(const PackedBatch& batch, const Segment& segment, LossLayout& layout) {
  layout.teacher_weight = batch.teacher_weight;
  size_t group = 0;
  for (int64_t e = segment.first_example; e < segment.last_example; ++e) {
    const std::span<const float> logits = batch.taught_of(e);
    if (std::ssize(logits) != layout.groups.at(group++).size) {
      throw std::logic_error(concat("a teacher's ", logits.size(), " logits do not fit"));
    }
    const std::vector<double> probabilities = choose_likeliest(logits).probabilities;
    layout.taught.insert(layout.taught.end(), probabilities.begin(), probabilities.end());
  }
}

void add_value_teacher(const PackedBatch& batch, const Segment& segment,
                       const std::function<double(double logit)>& value_of, LossLayout& layout) {
  const double weight = batch.teacher_weight;
  size_t logit = 0;
  for (int64_t e = segment.first_example; e < segment.last_example; ++e) {
    for (const float taught : batch.taught_of(e)) {
      double& value = layout.values.at(logit++);
      const double difference = value_of(static_cast<double>(taught)) - value;
      value += weight * difference;
      // w (x - t)^2 + (1 - w) (x - y)^2 is (x - value)^2 and this; cross-entropies need nothing.
      if (layout.function == LossFunction::kSquaredError) {
        layout.constants.push_back(weight * (1.0 - weight) * difference * difference);
      }
    }
  }
  if (logit != layout.values.size()) throw std::logic_error("a teacher's logits do not fit");
}

void check_choice(std::span<const float> targets, int64_t example, int64_t count) {
  if (targets.empty()) return;
  const float label = targets.front();
  const bool fits =
      label >= 0.0F && label < static_cast<float>(count) && label == std::floor(label);
  if (targets.size() > 1 || !fits) fail("example ", example, " has label ", label);
}

void check_single_rows(const FeatureSet& features) {
  for (int64_t e = 0; e < features.num_examples(); ++e) {
    const int64_t rows = features.first_row(e + 1) - features.first_row(e);
    if (rows > 1) fail("example ", e, " has ", rows, " rows");
  }
}

}  // namespace pals
