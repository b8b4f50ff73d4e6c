#include "eval/scores.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"
#include "eval/metrics.h"

namespace pals {
namespace {

double mean_of(const std::vector<AnswerScore>& answers, double AnswerScore::*score) {
  double sum = 0.0;
  for (const AnswerScore& answer : answers) sum += answer.*score;
  return sum / static_cast<double>(answers.size());
}

/// How many examples were predicted.
size_t count_of(const SplitPredictions& split) {
  return split.labels.size() + split.label_values.size() + split.answers.size();
}

double compute(TaskKind kind, Metric metric, const SplitPredictions& split) {
  switch (metric) {
    case Metric::kAccuracy:
      return accuracy(split.labels, split.predictions);
    case Metric::kF1:
      return kind == TaskKind::kSpan ? mean_of(split.answers, &AnswerScore::f1)
                                     : f1_score(split.labels, split.predictions);
    case Metric::kMatthews:
      return matthews_correlation(split.labels, split.predictions);
    case Metric::kPearson:
      return pearson_correlation(split.label_values, split.predicted_values);
    case Metric::kSpearman:
      return spearman_correlation(split.label_values, split.predicted_values);
    case Metric::kExactMatch:
      return mean_of(split.answers, &AnswerScore::exact_match);
  }
  throw std::logic_error("unknown metric");
}

std::string reported_name(Metric metric, const std::string& split) {
  const size_t underscore = split.find('_');
  const std::string part = underscore == std::string::npos ? "" : split.substr(underscore + 1);
  if (part.empty() || part == "matched") return metric_name(metric);
  return concat(metric_name(metric), "_", part);
}

}  // namespace

void check_metrics(const Task& task) {
  if (task.metrics.empty()) fail("task ", task.name, ": it has no metric to be evaluated by");
  for (const Metric metric : task.metrics) {
    const std::string problem = metric_problem(metric, task);
    if (!problem.empty()) fail("task ", task.name, ": ", problem);
  }
}

TaskScores score_task(const Task& task, std::span<const SplitPredictions> splits) {
  check_metrics(task);
  TaskScores scores;
  scores.task = task.name;
  double loss_sum = 0.0;
  for (const SplitPredictions& split : splits) {
    const size_t examples = count_of(split);
    if (examples == 0) fail("task ", task.name, ": ", split.split, " has no examples to evaluate");
    for (const Metric metric : task.metrics) {
      scores.metrics.emplace_back(reported_name(metric, split.split),
                                  compute(task.kind, metric, split));
    }
    loss_sum += split.loss * static_cast<double>(examples);
    scores.examples += static_cast<int64_t>(examples);
  }
  if (splits.empty()) fail("task ", task.name, ": it has no file to evaluate");
  scores.loss = loss_sum / static_cast<double>(scores.examples);
  for (const auto& [name, value] : scores.metrics) scores.score += std::isnan(value) ? 0.0 : value;
  scores.score /= static_cast<double>(scores.metrics.size());
  return scores;
}

double reported_value(const Task& task, double value) { return value * task.label_scale; }

double average_score(std::span<const TaskScores> scores) {
  if (scores.empty()) return 0.0;
  double sum = 0.0;
  for (const TaskScores& task : scores) sum += task.score;
  return sum / static_cast<double>(scores.size());
}

OrderedJson scores_to_json(std::span<const TaskScores> scores) {
  // A NaN would be written as null too; saying so here keeps the value in memory and on disk alike.
  const auto number = [](double value) {
    return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
  };
  OrderedJson tasks = OrderedJson::object();
  for (const TaskScores& task : scores) {
    OrderedJson entry = OrderedJson::object();
    for (const auto& [name, value] : task.metrics) entry[name] = number(value);
    entry["loss"] = number(task.loss);
    tasks[task.task] = std::move(entry);
  }
  OrderedJson json = OrderedJson::object();
  json["average"] = average_score(scores);
  json["tasks"] = std::move(tasks);
  return json;
}

std::string scores_table(std::span<const TaskScores> scores) {
  Table table({"task", "metrics", "score", "loss", "examples"});
  table.align_left(1);
  for (const TaskScores& task : scores) {
    std::vector<std::string> metrics;
    for (const auto& [name, value] : task.metrics) {
      metrics.push_back(concat(name, " ", format_double(value, 4)));
    }
    table.add_row({task.task, join(metrics, ", "), format_double(task.score, 4),
                   format_double(task.loss, 4),
                   format_count(static_cast<uint64_t>(std::max<int64_t>(task.examples, 0)))});
  }
  table.add_rule();
  table.add_row({"average", "", format_double(average_score(scores), 4)});
  return table.text();
}

}  // namespace pals
