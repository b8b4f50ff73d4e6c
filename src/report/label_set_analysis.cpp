// Of texts with any number of labels.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/multi_label_metrics.h"
#include "report/kind_analysis.h"

namespace pals {
namespace {

/// Label bits and probabilities of all rows, row by row.
struct LabelSets {
  size_t width = 0;
  std::vector<uint8_t> gold, predicted;
  std::vector<double> scores;
};

std::string set_text(const Json& value) {
  const std::string text = value_text(value);
  return text.empty() ? "(none)" : text;
}

// How far the worst label's probability is from the truth.
double badness_of(const LabelSets& sets, size_t row) {
  double worst = 0.0;
  for (size_t i = row * sets.width; i < (row + 1) * sets.width; ++i) {
    if (sets.gold[i] == sets.predicted[i]) continue;
    worst = std::max(worst, std::abs(sets.gold[i] - sets.scores[i]));
  }
  return worst;
}

std::vector<double> measure(const LabelSets& all, std::span<const uint32_t> rows) {
  LabelSets some{.width = all.width};
  for (const uint32_t row : rows) {
    const auto first = static_cast<int64_t>(row * all.width);
    const auto last = first + static_cast<int64_t>(all.width);
    some.gold.insert(some.gold.end(), all.gold.begin() + first, all.gold.begin() + last);
    some.predicted.insert(some.predicted.end(), all.predicted.begin() + first,
                          all.predicted.begin() + last);
    some.scores.insert(some.scores.end(), all.scores.begin() + first, all.scores.begin() + last);
  }
  const auto width = static_cast<int64_t>(all.width);
  return {micro_f1(some.gold, some.predicted, width), macro_f1(some.gold, some.predicted, width),
          subset_accuracy(some.gold, some.predicted, width),
          mean_average_precision(some.gold, some.scores, width)};
}

}  // namespace

void analyse_label_sets(const TaskPredictions& predictions, TaskAnalysis& analysis) {
  const std::vector<std::string>& labels = predictions.head.labels;
  std::unordered_map<std::string, size_t> numbers;
  for (const std::string& label : labels) numbers.emplace(label, numbers.size());
  auto sets = std::make_shared<LabelSets>();
  sets->width = std::max<size_t>(1, labels.size());
  std::vector<ClassScores> classes(labels.size());
  std::map<std::string, int64_t> frequency;
  const auto bits_of = [&](const Json& value, std::vector<uint8_t>& bits) {
    const size_t first = bits.size();
    bits.resize(first + sets->width);
    for (const std::string& text : texts_of(value)) {
      const auto found = numbers.find(text);
      if (found != numbers.end()) bits[first + found->second] = 1;
    }
  };
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const PredictionRecord& row = predictions.rows[i];
    const size_t first = sets->gold.size();
    bits_of(row.gold, sets->gold);
    bits_of(row.prediction, sets->predicted);
    sets->scores.insert(sets->scores.end(), row.probabilities.begin(), row.probabilities.end());
    sets->scores.resize(sets->gold.size());
    ++frequency[set_text(row.gold)];
    bool same = true;
    for (size_t label = 0; label < labels.size(); ++label) {
      const bool given = sets->gold[first + label] != 0, said = sets->predicted[first + label] != 0;
      classes[label].gold += given ? 1 : 0;
      classes[label].predicted += said ? 1 : 0;
      classes[label].right += given && said ? 1 : 0;
      same = same && given == said;
    }
    if (same) continue;
    const double badness = badness_of(*sets, i);
    analysis.wrong.push_back({.number = i,
                              .badness = badness,
                              .gold = set_text(row.gold),
                              .prediction = set_text(row.prediction),
                              .measure = concat("off by ", format_double(badness, 2))});
  }
  analysis.wrong_order = "ordered by how far the probability of the worst label is off";
  analysis.classes_are = "label";
  for (size_t i = 0; i < labels.size(); ++i) analysis.classes.push_back({labels[i], classes[i]});
  if (!sets->gold.empty()) {
    analysis.probabilities_are = "of each label of each text";
    analysis.calibration = calibration_bins(sets->scores, sets->gold);
    const auto most =
        std::ranges::max_element(frequency, {}, [](const auto& entry) { return entry.second; });
    analysis.baseline = {"always " + most->first, "subset_accuracy",
                         static_cast<double>(most->second) / static_cast<double>(analysis.rows)};
  }
  analysis.metric_names = {"micro_f1", "macro_f1", "subset_accuracy", "map"};
  analysis.statistic = [sets](std::span<const uint32_t> rows) { return measure(*sets, rows); };
}

}  // namespace pals
