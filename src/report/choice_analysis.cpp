// Of kinds that choose one of several: classification by labels, multiple choice by numbers.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "report/kind_analysis.h"

namespace pals {
namespace {

constexpr int32_t kNone = -1;

/// Given and predicted class of each row, kNone where a row makes no sense.
struct Choices {
  std::vector<int32_t> gold, predicted;
};

/// The classes by name: the labels, or of multiple choice the numbers that occur.
std::vector<std::string> names_of(const TaskPredictions& predictions) {
  if (!predictions.head.labels.empty()) return predictions.head.labels;
  size_t choices = 0;
  for (const PredictionRecord& row : predictions.rows) {
    for (const Json* value : {&row.gold, &row.prediction}) {
      if (value->is_number_integer() && *value >= 0 && *value < kMostLabels) {
        choices = std::max(choices, value->get<size_t>() + 1);
      }
    }
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < choices; ++i) names.push_back(std::to_string(i));
  return names;
}

int32_t class_of(const Json& value, const std::unordered_map<std::string, int32_t>& numbers) {
  const auto found = numbers.find(value_text(value));
  return found == numbers.end() ? kNone : found->second;
}

double probability_of(const PredictionRecord& row, int32_t number) {
  const auto place = static_cast<size_t>(number);
  return place < row.probabilities.size() ? row.probabilities[place] : 0.0;
}

void find_classes(const std::vector<std::string>& names, const Choices& choices,
                  TaskAnalysis& analysis) {
  ConfusionMatrix matrix(names.size());
  std::vector<int64_t> counts(names.size());
  for (size_t i = 0; i < choices.gold.size(); ++i) {
    if (choices.gold[i] == kNone) continue;
    matrix.add(static_cast<size_t>(choices.gold[i]), static_cast<size_t>(choices.predicted[i]));
    ++counts[static_cast<size_t>(choices.gold[i])];
  }
  for (size_t i = 0; i < names.size(); ++i) {
    analysis.classes.push_back({names[i], matrix.scores(i)});
  }
  if (matrix.total() > 0) {
    const size_t most = most_frequent(counts);
    analysis.baseline = {"always " + names[most], "accuracy",
                         static_cast<double>(counts[most]) / static_cast<double>(matrix.total())};
  }
  analysis.matrix_labels = names;
  analysis.matrix = std::move(matrix);
}

}  // namespace

void analyse_choices(const TaskPredictions& predictions, TaskAnalysis& analysis) {
  const std::vector<std::string> names = names_of(predictions);
  const bool labels = !predictions.head.labels.empty();
  std::unordered_map<std::string, int32_t> numbers;
  for (const std::string& name : names) {
    numbers.emplace(name, static_cast<int32_t>(numbers.size()));
  }
  auto choices = std::make_shared<Choices>();
  std::vector<double> confidences;
  std::vector<uint8_t> right;
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const PredictionRecord& row = predictions.rows[i];
    int32_t gold = class_of(row.gold, numbers), said = class_of(row.prediction, numbers);
    if (gold == kNone || said == kNone) {
      gold = said = kNone;
      ++analysis.left_out;
    }
    choices->gold.push_back(gold);
    choices->predicted.push_back(said);
    if (gold == kNone) continue;
    const double confidence = probability_of(row, said);
    if (!row.probabilities.empty()) {
      confidences.push_back(confidence);
      right.push_back(gold == said ? 1 : 0);
    }
    if (gold == said) continue;
    analysis.wrong.push_back({.number = i,
                              .badness = 1.0 - probability_of(row, gold),
                              .gold = names[static_cast<size_t>(gold)],
                              .prediction = names[static_cast<size_t>(said)],
                              .probability = confidence,
                              .gold_probability = probability_of(row, gold)});
  }
  analysis.wrong_order = "ordered by the probability of what was given, the lowest first";
  analysis.classes_are = labels ? "label" : "choice";
  if (!confidences.empty()) {
    analysis.probabilities_are = "of what was predicted";
    analysis.calibration = calibration_bins(confidences, right);
  }
  find_classes(names, *choices, analysis);
  analysis.metric_names = {"accuracy"};
  if (labels) {
    analysis.metric_names.insert(analysis.metric_names.end(), {"macro_f1", "matthews"});
    if (names.size() == 2) analysis.metric_names.emplace_back("f1");
  }
  // One matrix for all resamples: of many labels, making it anew would take longer than filling it.
  auto matrix = std::make_shared<ConfusionMatrix>(names.size());
  analysis.statistic = [choices, matrix, labels](std::span<const uint32_t> rows) {
    matrix->clear();
    for (const uint32_t row : rows) {
      if (choices->gold[row] == kNone) continue;
      matrix->add(static_cast<size_t>(choices->gold[row]),
                  static_cast<size_t>(choices->predicted[row]));
    }
    std::vector<double> values = {accuracy(*matrix)};
    if (labels) {
      values.push_back(macro_f1(*matrix));
      values.push_back(matthews_correlation(*matrix));
      if (matrix->num_classes() == 2) values.push_back(matrix->scores(1).f1());
    }
    return values;
  };
}

}  // namespace pals
