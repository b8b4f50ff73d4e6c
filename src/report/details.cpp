#include "report/details.h"

#include <cmath>

#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"

namespace pals {
namespace {

OrderedJson number(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
}

std::string interval_text(const std::optional<Interval>& interval) {
  if (!interval) return "";
  return concat(format_double(interval->low, 4), " to ", format_double(interval->high, 4));
}

}  // namespace

OrderedJson details_json(const TaskAnalysis& analysis) {
  OrderedJson json, metrics = OrderedJson::object(), intervals = OrderedJson::object();
  for (const MetricFigure& metric : analysis.metrics) {
    metrics[metric.name] = number(metric.value);
    if (metric.interval) intervals[metric.name] = {metric.interval->low, metric.interval->high};
  }
  json["metrics"] = std::move(metrics);
  json["intervals"] = std::move(intervals);
  if (!analysis.classes.empty()) {
    OrderedJson& classes = json["per_class"] = OrderedJson::object();
    for (const auto& [label, scores] : analysis.classes) {
      classes[label] = {{"precision", scores.precision()},
                        {"recall", scores.recall()},
                        {"f1", scores.f1()},
                        {"support", scores.gold},
                        {"predicted", scores.predicted}};
    }
  }
  if (!analysis.baseline.guess.empty()) {
    json["baseline"] = {{"guess", analysis.baseline.guess},
                        {"metric", analysis.baseline.metric},
                        {"value", number(analysis.baseline.value)}};
  }
  if (!analysis.calibration.empty()) {
    json["calibration_error"] = calibration_error(analysis.calibration);
  }
  return json;
}

std::string details_table(const TaskAnalysis& analysis) {
  Table metrics({analysis.task, "value", "95 % interval"});
  for (const MetricFigure& metric : analysis.metrics) {
    metrics.add_row({metric.name, format_double(metric.value, 4), interval_text(metric.interval)});
  }
  if (!analysis.baseline.guess.empty()) {
    metrics.add_row({concat(analysis.baseline.metric, ", ", quote(analysis.baseline.guess, 40)),
                     format_double(analysis.baseline.value, 4), ""});
  }
  std::string text = metrics.text();
  if (analysis.classes.empty()) return text;
  Table classes({analysis.classes_are, "precision", "recall", "f1", "given", "predicted"});
  for (const auto& [label, scores] : analysis.classes) {
    classes.add_row({label, format_double(scores.precision(), 4), format_double(scores.recall(), 4),
                     format_double(scores.f1(), 4), std::to_string(scores.gold),
                     std::to_string(scores.predicted)});
  }
  return concat(text, "\n", classes.text());
}

std::string error_lines(std::span<const AnalysedTask> tasks,
                        const std::function<RowTexts*(const AnalysedTask&)>& texts_of) {
  std::string lines;
  for (const AnalysedTask& task : tasks) {
    RowTexts* texts = texts_of(task);
    for (const WrongRow& wrong : task.analysis.wrong) {
      const PredictionRecord& row = task.predictions->rows[wrong.number];
      OrderedJson json = {{"task", task.analysis.task}, {"split", row.split}, {"row", row.row}};
      if (!row.id.empty()) json["id"] = row.id;
      json["gold"] = row.gold;
      json["prediction"] = row.prediction;
      if (wrong.probability) json["probability"] = *wrong.probability;
      OrderedJson own = OrderedJson::object();
      if (texts != nullptr) {
        for (const auto& [name, text] : texts->find(row.split, row.row)) own[name] = text;
      }
      json["texts"] = std::move(own);
      lines += json_text(json, -1) + "\n";
    }
  }
  return lines;
}

}  // namespace pals
