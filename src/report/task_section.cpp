// One task of a run.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart.h"
#include "report/sections.h"

namespace pals {
namespace {

constexpr double kStrong = 0.55;  // of a cell's colour, from which its figure is white
constexpr size_t kMostName = 60, kMostNarrow = 7;

/// The classes that occur most often, in their own order.
std::vector<size_t> frequent_classes(const ConfusionMatrix& matrix, size_t most) {
  std::vector<size_t> classes(matrix.num_classes());
  std::iota(classes.begin(), classes.end(), size_t{0});
  std::ranges::stable_sort(classes, std::ranges::greater(), [&](size_t i) {
    const ClassScores scores = matrix.scores(i);
    return scores.gold + scores.predicted;
  });
  classes.resize(std::min(classes.size(), most));
  std::ranges::sort(classes);
  return classes;
}

std::string matrix_head(const char* scope, const std::string& label) {
  return concat("<th scope=\"", scope, "\"><div>", breakable_text(label, kMostName), "</div></th>");
}

std::string matrix_card(const TaskAnalysis& analysis, const PageLimits& limits, const char* style) {
  const ConfusionMatrix& matrix = *analysis.matrix;
  const std::vector<size_t> classes = frequent_classes(matrix, limits.matrix);
  std::string out =
      "<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th><div>given \\ "
      "predicted</div></th>";
  for (const size_t j : classes) {
    out += matrix_head("col", analysis.matrix_labels[j]);
  }
  out += "</tr></thead><tbody>\n";
  for (const size_t i : classes) {
    const int64_t given = matrix.scores(i).gold;
    out += "<tr>" + matrix_head("row", analysis.matrix_labels[i]);
    for (const size_t j : classes) {
      const int64_t count = matrix.count(i, j);
      const double share =
          given == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(given);
      out += concat("<td style=\"background:rgba(var(--", i == j ? "right" : "wrong", "),",
                    format_double(share, 2), ")\"", share > kStrong ? " class=\"s\"" : "",
                    " title=\"", percent_text(share), "\">", count_text(count), "</td>");
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (classes.size() < matrix.num_classes()) {
    out += remark(concat("The ", classes.size(), " most frequent of ", matrix.num_classes(), "."));
  }
  return card(concat("Confusion matrix", analysis.classes_are == "entity" ? " of the words" : ""),
              out, style);
}

std::string classes_card(const TaskAnalysis& analysis, const PageLimits& limits) {
  std::vector<const ClassFigure*> order;
  for (const ClassFigure& figure : analysis.classes) order.push_back(&figure);
  if (order.size() > limits.classes) {
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [](const ClassFigure* f) { return f->scores.gold; });
    order.resize(limits.classes);
  }
  HtmlTable table(
      {html_text(analysis.classes_are), "precision", "recall", "F1", "given", "predicted"});
  std::vector<std::string> never;
  for (const ClassFigure* figure : order) {
    const ClassScores& scores = figure->scores;
    table.add_row({html_text(figure->label, kMostName), figure_text(scores.precision()),
                   figure_text(scores.recall()), figure_text(scores.f1()), count_text(scores.gold),
                   count_text(scores.predicted)});
    if (scores.gold > 0 && scores.right == 0) never.push_back(figure->label);
  }
  std::string notes;
  if (order.size() < analysis.classes.size()) {
    notes +=
        remark(concat("The ", order.size(), " most frequent of ", analysis.classes.size(), "."));
  }
  if (!never.empty()) {
    notes +=
        concat("<p class=\"warn\">Never right: ", html_text(join(never, ", "), 300), ".</p>\n");
  }
  return card(concat("By ", analysis.classes_are), table.html() + notes);
}

std::string calibration_card(const TaskAnalysis& analysis) {
  std::vector<ChartBar> bars;
  ChartLine expected{.name = "as predicted", .colour = 1, .dots = true};
  const double width = 1.0 / static_cast<double>(analysis.calibration.size());
  for (size_t i = 0; i < analysis.calibration.size(); ++i) {
    const CalibrationBin& bin = analysis.calibration[i];
    if (bin.count == 0) continue;
    bars.push_back({static_cast<double>(i) * width, static_cast<double>(i + 1) * width, bin.right});
    expected.points.push_back({bin.probability, bin.probability});
  }
  HtmlTable table({"probability", "rows", "right"});
  for (const CalibrationBin& bin : analysis.calibration) {
    if (bin.count == 0) continue;
    table.add_row(
        {figure_text(bin.probability, 2), count_text(bin.count), percent_text(bin.right)});
  }
  return card(
      "Calibration",
      bar_chart({.about = "share that is right by predicted probability",
                 .x_name = "predicted probability",
                 .y_name = "share that is right",
                 .y_least = 0.0,
                 .y_most = 1.0,
                 .x_least = 0.0,
                 .x_most = 1.0},
                bars, {expected}) +
          remark(concat("Probability ", analysis.probabilities_are, "; expected calibration error ",
                        percent_text(calibration_error(analysis.calibration)), ".")) +
          table.html());
}

std::string residual_cards(const TaskAnalysis& analysis) {
  std::vector<CurvePoint> points;
  std::vector<double> residuals;
  for (const auto& [given, predicted] : analysis.values) {
    points.push_back({given, predicted});
    constexpr double kMost = 1e300;  // such that their distances are numbers, too
    if (std::abs(predicted - given) < kMost) residuals.push_back(predicted - given);
  }
  std::string out = card(
      "Predicted by given value",
      scatter_chart({.about = "predicted by given value", .x_name = "given", .y_name = "predicted"},
                    points));
  if (residuals.empty()) return out;
  const auto [low, high] = std::ranges::minmax(residuals);
  constexpr size_t kBins = 21;
  const double width = high > low ? (high - low) / kBins : 1.0;
  std::vector<ChartBar> bars;
  for (size_t i = 0; i < kBins; ++i) {
    const double from = low + static_cast<double>(i) * width;
    bars.push_back({from, from + width, 0.0});
  }
  for (const double residual : residuals) {
    const auto bin = static_cast<size_t>(std::clamp((residual - low) / width, 0.0, kBins - 1.0));
    bars[bin].height += 1.0;
  }
  return out + card("Residuals", bar_chart({.about = "rows by predicted minus given value",
                                            .x_name = "predicted − given",
                                            .y_name = "rows"},
                                           bars));
}

}  // namespace

std::string task_section(const AnalysedTask& task, RowTexts* texts, const PageLimits& limits) {
  const TaskAnalysis& analysis = task.analysis;
  std::string cards;
  // A small matrix fits below the classes; a large one needs the page's width.
  const size_t width = analysis.matrix ? analysis.matrix->num_classes() : 0;
  const bool small = width <= kMostNarrow;
  std::string classes;
  if (!analysis.classes.empty()) classes += classes_card(analysis, limits);
  if (width > 0 && small) classes += matrix_card(analysis, limits, "");
  if (!classes.empty()) cards += stack(classes);
  if (!analysis.calibration.empty()) cards += calibration_card(analysis);
  if (!analysis.values.empty()) cards += residual_cards(analysis);
  const std::string wide =
      (small ? "" : matrix_card(analysis, limits, "wide")) + errors_card(task, texts, limits);
  std::string facts =
      concat(analysis.kind, ", ", counted(analysis.rows, "development row"),
             ", the best model by average, after step ", count_text(task.predictions->head.step));
  if (analysis.left_out > 0)
    facts += concat(
        "; ",
        counted(analysis.left_out, "row makes no sense and does", "rows make no sense and do"),
        " not count");
  return section(task_anchor(analysis.task), analysis.task,
                 remark(facts + ".") + stack(grid(cards) + wide));
}

}  // namespace pals
