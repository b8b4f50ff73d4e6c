// The scores of all tasks.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "report/chart.h"
#include "report/sections.h"

namespace pals {
namespace {

/// The metrics of an evaluation's task but its loss, as curves over the steps.
std::vector<ChartLine> score_lines(const RunData& run, const std::string& task) {
  std::vector<ChartLine> lines;
  for (const EvaluationRecord& evaluation : run.history.evaluations) {
    const auto found = evaluation.scores.tasks.find(task);
    if (found == evaluation.scores.tasks.end()) continue;
    for (const auto& [name, value] : found->second) {
      if (name == "loss" || !value) continue;
      auto line = std::ranges::find(lines, name, &ChartLine::name);
      if (line == lines.end()) {
        line = lines.insert(lines.end(), {.name = name, .colour = lines.size(), .dots = true});
      }
      line->points.push_back({static_cast<double>(evaluation.after_step), *value});
    }
  }
  return lines;
}

void add_baseline(const Baseline& baseline, std::vector<ChartLine>& lines) {
  const auto line = std::ranges::find(lines, baseline.metric, &ChartLine::name);
  if (line == lines.end() || line->points.empty()) return;
  lines.push_back({.name = "baseline",
                   .points = {{line->points.front().x, baseline.value},
                              {line->points.back().x, baseline.value}},
                   .colour = 7,
                   .dashed = true});
}

std::string metrics_text(const TaskAnalysis& analysis) {
  std::string out;
  for (const MetricFigure& metric : analysis.metrics) {
    out += concat("<div>", html_text(metric.name), " ",
                  figure_with_interval(metric.value, metric.interval), "</div>");
  }
  return out;
}

std::string best_of_task(const RunData& run, const std::string& task) {
  if (!run.results || !run.results->best_by_task.contains(task)) return "–";
  const TaskBestRecord& best = run.results->best_by_task.at(task);
  return concat(figure_text(best.score), " <small>step ", count_text(best.step), "</small>");
}

}  // namespace

std::string task_anchor(const std::string& task) { return "task-" + task; }

std::string figure_with_interval(double value, const std::optional<Interval>& interval) {
  if (!interval) return concat("<b>", figure_text(value), "</b>");
  return concat("<b>", figure_text(value), "</b> <small>", figure_text(interval->low), " to ",
                figure_text(interval->high), "</small>");
}

std::string scores_section(const RunData& run, const std::vector<AnalysedTask>& tasks,
                           const PageLimits& limits) {
  std::string table_card, content;
  if (!tasks.empty()) {
    HtmlTable table({"task", "kind", "best model by average", "baseline", "own best", "dev rows"},
                    {1, 2, 3});
    for (const AnalysedTask& task : tasks) {
      const TaskAnalysis& analysis = task.analysis;
      const Baseline& baseline = analysis.baseline;
      table.add_row({concat("<a href=\"#", html_text(task_anchor(analysis.task)), "\">",
                            html_text(analysis.task), "</a>"),
                     html_text(analysis.kind), metrics_text(analysis),
                     baseline.guess.empty()
                         ? "–"
                         : concat(html_text(baseline.metric), " ", figure_text(baseline.value),
                                  "<div class=\"quiet\">", html_text(baseline.guess, 60), "</div>"),
                     best_of_task(run, analysis.task), count_text(analysis.rows)});
    }
    table_card = card("Development sets", table.html(), "wide");
  }
  std::vector<std::string> names;
  for (const AnalysedTask& task : tasks) names.push_back(task.analysis.task);
  for (const EvaluationRecord& evaluation : run.history.evaluations) {
    for (const auto& [name, values] : evaluation.scores.tasks) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  ChartLine average{.name = "average", .dots = true};
  for (const EvaluationRecord& evaluation : run.history.evaluations) {
    average.points.push_back(
        {static_cast<double>(evaluation.after_step), evaluation.scores.average});
  }
  if (names.size() > 1 && !average.points.empty()) {
    content += card("Average of the tasks",
                    line_chart({.about = "average score by step", .x_name = "step"}, {average}));
  }
  size_t shown = 0;
  for (const std::string& name : names) {
    if (shown == limits.tasks) break;
    std::vector<ChartLine> lines = score_lines(run, name);
    if (lines.empty()) continue;
    ++shown;
    const auto task =
        std::ranges::find(tasks, name, [](const AnalysedTask& t) { return t.analysis.task; });
    if (task != tasks.end()) add_baseline(task->analysis.baseline, lines);
    content += card(
        name, line_chart({.about = "scores of " + name + " by step", .x_name = "step"}, lines));
  }
  if (table_card.empty() && content.empty()) {
    table_card = remark("This run has not been evaluated.");
  }
  return section("scores", "Scores", stack(table_card + grid(content)));
}

}  // namespace pals
