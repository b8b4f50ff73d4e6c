#include "report/transfer_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart.h"
#include "report/html.h"

namespace pals {
namespace {

// In units of the SVG's own system; the page scales it.
constexpr double kPlotWidth = 420, kPlotLeft = 140, kPlotRight = 14, kPlotTop = 8, kRowHeight = 24,
                 kPlotBottom = 34;
constexpr size_t kMostPlotName = 18;
constexpr double kStrongCell = 0.55;  // of a cell's colour, from which its figure is white

std::string plot_place(double value) { return format_double(value, 1); }

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Rows under each other over a common axis.
class Rows {
 public:
  Rows(const std::string& about, const std::string& x_name, size_t count,
       const std::vector<double>& shown)
      : height_(kPlotTop + kRowHeight * static_cast<double>(count) + kPlotBottom) {
    for (const double value : shown) {
      if (!std::isfinite(value)) continue;
      low_ = std::min(low_, value);
      high_ = std::max(high_, value);
    }
    if (low_ > high_) low_ = high_ = 0.0;
    const double room = std::max(0.06 * (high_ - low_), 1e-3);
    low_ -= room;
    high_ += room;
    out_ = concat("<svg viewBox=\"0 0 ", kPlotWidth, " ", height_, "\" role=\"img\" aria-label=\"",
                  html_text(about), "\">");
    draw_axis(x_name);
  }

  void name_row(const std::string& name) {
    middle_ = kPlotTop + kRowHeight * (static_cast<double>(number_++) + 0.5);
    add(concat("<text x=\"", plot_place(kPlotLeft - 8), "\" y=\"", plot_place(middle_ + 4),
               "\" text-anchor=\"end\">", html_text(name, kMostPlotName), "</text>"));
  }
  void line(double from, double to, const std::string& style) {
    if (!std::isfinite(from) || !std::isfinite(to)) return;
    path(x(from), middle_, x(to), middle_, style);
  }
  void dot(double value, double radius, const std::string& style, const std::string& title) {
    if (!std::isfinite(value)) return;
    add(concat("<circle class=\"", style, "\" cx=\"", plot_place(x(value)), "\" cy=\"",
               plot_place(middle_), "\" r=\"", plot_place(radius), "\"><title>", html_text(title),
               "</title></circle>"));
  }
  /// From the first row to the last.
  void upright(double value, const std::string& style) {
    path(x(value), kPlotTop, x(value), height_ - kPlotBottom, style);
  }
  std::string finish() { return out_ + "</svg>\n"; }

 private:
  double x(double value) const {
    return kPlotLeft + (value - low_) / (high_ - low_) * (kPlotWidth - kPlotRight - kPlotLeft);
  }
  void add(const std::string& piece) { out_ += piece; }
  void path(double x1, double y1, double x2, double y2, const std::string& style) {
    add(concat("<path class=\"", style, "\" d=\"M", plot_place(x1), " ", plot_place(y1), "L",
               plot_place(x2), " ", plot_place(y2), "\"/>"));
  }
  void draw_axis(const std::string& x_name) {
    const double bottom = height_ - kPlotBottom;
    const std::vector<double> ticks = round_ticks(low_, high_, 4);
    const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1.0;
    const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
    for (const double tick : ticks) {
      upright(tick, "g");
      add(concat("<text x=\"", plot_place(x(tick)), "\" y=\"", plot_place(bottom + 15),
                 "\" text-anchor=\"middle\">", format_double(tick, digits), "</text>"));
    }
    path(kPlotLeft, bottom, kPlotWidth - kPlotRight, bottom, "a");
    add(concat("<text x=\"", plot_place(kPlotWidth - kPlotRight), "\" y=\"",
               plot_place(height_ - 4), "\" text-anchor=\"end\">", html_text(x_name), "</text>"));
  }

  double height_;
  double low_ = HUGE_VAL, high_ = -HUGE_VAL, middle_ = 0.0;
  size_t number_ = 0;
  std::string out_;
};

std::string legend(const std::vector<std::string>& names) {
  std::string out = "<p class=\"legend\">";
  for (size_t i = 0; i < names.size(); ++i) {
    out += concat("<span><i class=\"b", i, "\"></i>", html_text(names[i]), "</span>");
  }
  return out + "</p>\n";
}

std::string heat_cell(const std::optional<double>& value, bool on_diagonal,
                      const std::string& title) {
  const double share = value ? std::min(1.0, std::abs(*value)) : 0.0;
  const std::string text = value ? format_double(*value, 2) : "–";
  return concat("<td style=\"background:rgba(var(--", value && *value < 0.0 ? "wrong" : "right",
                "),", format_double(share, 2), ")\"", share > kStrongCell ? " class=\"s\"" : "",
                " title=\"", html_text(title), "\">", on_diagonal ? concat("(", text, ")") : text,
                "</td>");
}

}  // namespace

std::string pair_chart(const std::string& about, const std::string& x_name,
                       const std::vector<std::string>& names, const std::vector<PairRow>& rows) {
  std::vector<double> shown;
  for (const PairRow& row : rows) {
    shown.insert(shown.end(), row.first.begin(), row.first.end());
    shown.insert(shown.end(), row.second.begin(), row.second.end());
  }
  if (shown.empty()) return remark("Nothing to show yet.");
  Rows chart(about, x_name, rows.size(), shown);
  constexpr double kRadii[] = {5.5, 3.8}, kSmall = 2.2;  // of equal means both can be seen
  for (const PairRow& row : rows) {
    chart.name_row(row.name);
    const std::vector<double>* const sides[] = {&row.first, &row.second};
    if (!row.first.empty() && !row.second.empty()) {
      chart.line(mean_of(row.first), mean_of(row.second), "a");
    }
    for (size_t side = 0; side < 2; ++side) {
      const std::vector<double>& values = *sides[side];
      if (values.empty()) continue;
      for (const double value : values) {
        if (values.size() > 1) {
          chart.dot(value, kSmall, concat("o f", side),
                    concat(row.name, ", ", names[side], ": ", format_double(value, 4)));
        }
      }
      const double mean = mean_of(values);
      chart.dot(mean, kRadii[side], concat("f", side),
                concat(row.name, ", ", names[side], values.size() > 1 ? ", mean: " : ": ",
                       format_double(mean, 4)));
    }
  }
  return chart.finish() + legend(names);
}

std::string reach_chart(const std::string& about, const std::string& x_name,
                        const std::vector<ReachRow>& rows) {
  if (rows.empty()) return remark("Nothing to show yet.");
  std::vector<double> shown = {0.0};
  for (const ReachRow& row : rows) {
    shown.push_back(row.value);
    if (row.interval) shown.insert(shown.end(), {row.interval->low, row.interval->high});
  }
  Rows chart(about, x_name, rows.size(), shown);
  chart.upright(0.0, "a");
  constexpr double kRadius = 4.0;
  for (const ReachRow& row : rows) {
    chart.name_row(row.name);
    std::string title = concat(row.name, ": ", format_double(row.value, 4));
    if (row.interval) {
      chart.line(row.interval->low, row.interval->high, concat("l k", row.colour % kChartColours));
      title += concat(", ", format_double(row.interval->low, 4), " to ",
                      format_double(row.interval->high, 4));
    }
    chart.dot(row.value, kRadius, concat("f", row.colour % kChartColours), title);
  }
  return chart.finish();
}

std::string heat_map(const std::string& corner, const std::vector<std::string>& names,
                     const std::vector<std::vector<std::optional<double>>>& values) {
  std::string out = concat("<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th>",
                           html_text(corner), "</th>");
  for (const std::string& name : names) {
    out += concat("<th scope=\"col\">", html_text(name, kMostPlotName), "</th>");
  }
  out += "</tr></thead><tbody>\n";
  for (size_t i = 0; i < names.size(); ++i) {
    out += concat("<tr><th scope=\"row\">", html_text(names[i], kMostPlotName), "</th>");
    for (size_t j = 0; j < names.size(); ++j) {
      const std::string title =
          i == j ? concat("two halves of ", names[i]) : concat(names[i], " and ", names[j]);
      out += heat_cell(values[i][j], i == j, title);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace pals
