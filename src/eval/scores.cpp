#include "eval/scores.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"

namespace pals {
namespace {

double counted(const Task& task, Metric metric, double value) {
  if (std::isnan(value)) return 0.0;
  return is_error(metric) ? std::max(-1.0, 1.0 - value / task.label_scale) : value;
}

}  // namespace

std::string metric_of_split(const std::string& metric, const std::string& split) {
  const size_t underscore = split.find('_');
  const std::string part = underscore == std::string::npos ? "" : split.substr(underscore + 1);
  return part.empty() || part == "matched" ? metric : concat(metric, "_", part);
}

TaskScores score_task(const Task& task, std::span<const SplitScores> splits) {
  if (task.metrics.empty()) fail("task ", task.name, ": it has no metric to be evaluated by");
  TaskScores scores;
  scores.task = task.name;
  double loss_sum = 0.0;
  for (const SplitScores& split : splits) {
    if (split.examples == 0) {
      fail("task ", task.name, ": ", split.split, " has no examples to evaluate");
    }
    for (size_t i = 0; i < task.metrics.size(); ++i) {
      const double value = split.metrics.at(i);
      scores.metrics.emplace_back(metric_of_split(metric_name(task.metrics[i]), split.split),
                                  value);
      scores.score += counted(task, task.metrics[i], value);
    }
    loss_sum += split.loss * static_cast<double>(split.examples);
    scores.examples += split.examples;
  }
  if (splits.empty()) fail("task ", task.name, ": it has no file to evaluate");
  scores.loss = loss_sum / static_cast<double>(scores.examples);
  scores.score /= static_cast<double>(scores.metrics.size());
  return scores;
}

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
