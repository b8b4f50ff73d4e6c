#include "report/analysis.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/scores.h"
#include "kinds/kind.h"
#include "report/kind_analysis.h"

namespace pals {
namespace {

constexpr size_t kMostSplits = 100;
constexpr uint64_t kSeed = 20190207;  // of all resampling

void analyse_kind(const TaskPredictions& predictions, const Task* task, TaskAnalysis& analysis) {
  const std::optional<TaskKind> kind = kind_from_name(predictions.head.kind);
  if (!kind) {
    fail("task ", predictions.head.task, ": its kind is ", quote(predictions.head.kind),
         ", which this program does not know");
  }
  switch (kind_of(*kind).analysis_form()) {
    case AnalysisForm::kChoice:
      return analyse_choices(predictions, analysis);
    case AnalysisForm::kValue:
      return analyse_values(predictions, analysis);
    case AnalysisForm::kAnswer:
      return analyse_answers(predictions, task, analysis);
    case AnalysisForm::kTags:
      return analyse_tags(predictions, task, analysis);
    case AnalysisForm::kLabelSet:
      return analyse_label_sets(predictions, analysis);
  }
}

void find_splits(const TaskPredictions& predictions, TaskAnalysis& analysis) {
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const std::string& split = predictions.rows[i].split;
    auto found = std::ranges::find(analysis.splits, split,
                                   &std::pair<std::string, std::vector<uint32_t>>::first);
    if (found == analysis.splits.end()) {
      if (analysis.splits.size() == kMostSplits) {
        fail("task ", analysis.task, ": its rows are of more than ", kMostSplits, " files");
      }
      found = analysis.splits.insert(analysis.splits.end(), {split, {}});
    }
    found->second.push_back(static_cast<uint32_t>(i));
  }
}

// Those that the task is measured by, then the others.
std::vector<size_t> metric_order(const TaskAnalysis& analysis, const Task* task) {
  std::vector<size_t> order(analysis.metric_names.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (task == nullptr) return order;
  const auto place = [&](size_t metric) {
    const auto found = std::ranges::find_if(task->metrics, [&](Metric own) {
      return metric_name(own) == analysis.metric_names[metric];
    });
    return found - task->metrics.begin();
  };
  std::ranges::stable_sort(order, std::ranges::less(), place);
  return order;
}

void measure(const Task* task, bool intervals, TaskAnalysis& analysis) {
  for (const auto& [split, rows] : analysis.splits) {
    const std::vector<double> values = analysis.statistic(rows);
    std::vector<std::vector<double>> drawn;
    if (intervals) {
      const auto statistic = [&, &own = rows](std::span<const uint32_t> places) {
        std::vector<uint32_t> chosen;
        chosen.reserve(places.size());
        for (const uint32_t place : places) chosen.push_back(own[place]);
        return analysis.statistic(chosen);
      };
      const auto num_rows = std::ssize(rows);
      const auto width = std::max<int64_t>(1, std::ssize(analysis.classes));
      const int64_t resamples = usual_resamples(analysis.matrix ? num_rows : num_rows * width);
      drawn = bootstrap(statistic, num_rows, resamples, kSeed);
    }
    for (const size_t metric : metric_order(analysis, task)) {
      MetricFigure figure{metric_of_split(analysis.metric_names[metric], split), values[metric]};
      if (metric < drawn.size()) figure.interval = percentile_interval(drawn[metric]);
      analysis.metrics.push_back(std::move(figure));
    }
  }
}

}  // namespace

TaskAnalysis analyse(const TaskPredictions& predictions, const Task* task, bool intervals) {
  TaskAnalysis analysis{.task = predictions.head.task, .kind = predictions.head.kind};
  analysis.rows = std::ssize(predictions.rows);
  if (predictions.head.labels.size() > kMostLabels) {
    fail("task ", analysis.task, ": it has ", predictions.head.labels.size(),
         " labels, of which at most ", kMostLabels, " are analysed");
  }
  analyse_kind(predictions, task, analysis);
  std::ranges::stable_sort(analysis.wrong, std::ranges::greater(), &WrongRow::badness);
  find_splits(predictions, analysis);
  analysis.main_metric = metric_order(analysis, task).front();
  measure(task, intervals, analysis);
  return analysis;
}

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return format_double(value.get<double>(), 3);
  if (value.is_array()) return join(texts_of(value), ", ");
  return json_text(value, -1);
}

std::vector<std::string> texts_of(const Json& value) {
  std::vector<std::string> texts;
  if (!value.is_array()) return {value_text(value)};
  for (const Json& item : value) {
    texts.push_back(item.is_string() ? item.get<std::string>() : json_text(item, -1));
  }
  return texts;
}

size_t most_frequent(const std::vector<int64_t>& counts) {
  return static_cast<size_t>(std::ranges::max_element(counts) - counts.begin());
}

}  // namespace pals
