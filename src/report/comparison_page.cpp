// The page that compares runs.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart.h"
#include "report/comparison.h"
#include "report/page.h"
#include "report/sections.h"

namespace pals {
namespace {

std::vector<double> values_of(const Setting& setting, const std::string& name,
                              RunFigures (*figures)(const RunData&)) {
  std::vector<double> values;
  for (const RunData* run : setting.runs) {
    const RunFigures own = figures(*run);
    const auto found = own.find(name);
    if (found != own.end()) values.push_back(found->second);
  }
  return values;
}

std::string score_cell(const Spread& spread, bool best) {
  if (spread.count == 0) return "–";
  std::string out = figure_text(spread.mean);
  if (best) out = concat("<b>", out, "</b>");
  if (spread.count > 1) out += concat(" <small>± ", figure_text(spread.deviation), "</small>");
  return out;
}

/// "average" first, then by name.
std::vector<std::string> score_names(const Comparison& comparison) {
  std::set<std::string> names;
  for (const Setting& setting : comparison.settings) {
    for (const RunData* run : setting.runs) {
      for (const auto& [name, value] : score_figures(*run)) names.insert(name);
    }
  }
  std::vector<std::string> ordered;
  if (names.erase("average") > 0) ordered.emplace_back("average");
  ordered.insert(ordered.end(), names.begin(), names.end());
  return ordered;
}

bool lower_is_better(const std::string& name) {
  const std::optional<Metric> metric = metric_from_name(name.substr(name.rfind(' ') + 1));
  return metric && is_error(*metric);
}

std::vector<std::string> header_of(const Comparison& comparison, const char* first) {
  std::vector<std::string> header = {first};
  for (size_t i = 0; i < comparison.settings.size(); ++i) {
    const Setting& setting = comparison.settings[i];
    header.push_back(concat(
        "<i class=\"b", i % kChartColours, "\"></i>", html_text(setting.name, 80),
        setting.runs.size() > 1 ? concat(" <small>", setting.runs.size(), " runs</small>") : ""));
  }
  return header;
}

std::string scores_card(const Comparison& comparison) {
  HtmlTable table(header_of(comparison, "score"));
  for (const std::string& name : score_names(comparison)) {
    std::vector<Spread> spreads;
    for (const Setting& setting : comparison.settings) {
      spreads.push_back(spread_of(values_of(setting, name, score_figures)));
    }
    const double sign = lower_is_better(name) ? -1.0 : 1.0;
    double best = -HUGE_VAL;
    for (const Spread& spread : spreads) {
      if (spread.count > 0) best = std::max(best, sign * spread.mean);
    }
    std::vector<std::string> cells = {html_text(name)};
    for (const Spread& spread : spreads) {
      const bool is_best = spreads.size() > 1 && spread.count > 0 && sign * spread.mean == best;
      cells.push_back(score_cell(spread, is_best));
    }
    table.add_row(std::move(cells));
  }
  return card("Scores of the best models by average",
              table.html() +
                  remark("Mean over the runs of a setting, ± their standard deviation; of one run "
                         "there is none. The best mean of a row is in bold: whether it is more "
                         "than chance, the spread and the rows below tell."),
              "wide");
}

std::string costs_card(const Comparison& comparison) {
  const auto whole = [](double value) { return count_text(static_cast<int64_t>(value)); };
  const std::vector<std::pair<const char*, std::function<std::string(double)>>> rows = {
      {"seconds", [](double value) { return seconds_text(value); }},
      {"steps", whole},
      {"parameters", whole},
      {"peak_bytes", [](double value) { return bytes_text(value); }}};
  const std::map<std::string, std::string> names = {{"seconds", "time"},
                                                    {"steps", "steps"},
                                                    {"parameters", "parameters"},
                                                    {"peak_bytes", "peak memory"}};
  HtmlTable table(header_of(comparison, "cost"));
  for (const auto& [key, text] : rows) {
    std::vector<std::string> cells = {names.at(key)};
    for (const Setting& setting : comparison.settings) {
      const Spread spread = spread_of(values_of(setting, key, cost_figures));
      cells.push_back(spread.count == 0 ? "–" : text(spread.mean));
    }
    table.add_row(std::move(cells));
  }
  return card("Cost, the mean of a setting's runs", table.html(), "wide");
}

std::string cost_chart(const Comparison& comparison) {
  std::vector<ChartLine> lines;
  for (size_t i = 0; i < comparison.settings.size(); ++i) {
    ChartLine line{.name = comparison.settings[i].name, .colour = i, .dots = true, .joined = false};
    for (const RunData* run : comparison.settings[i].runs) {
      const RunFigures scores = score_figures(*run), costs = cost_figures(*run);
      if (scores.contains("average") && costs.contains("seconds")) {
        line.points.push_back({costs.at("seconds"), scores.at("average")});
      }
    }
    lines.push_back(std::move(line));
  }
  return card("Score by time", line_chart({.about = "average score by time of training",
                                           .x_name = "seconds",
                                           .y_name = "average"},
                                          lines));
}

std::string curves(const Comparison& comparison) {
  std::vector<ChartLine> lines;
  for (size_t i = 0; i < comparison.settings.size(); ++i) {
    for (const RunData* run : comparison.settings[i].runs) {
      ChartLine line{.name = run->name, .colour = i, .dots = true};
      for (const EvaluationRecord& evaluation : run->history.evaluations) {
        line.points.push_back(
            {static_cast<double>(evaluation.after_step), evaluation.scores.average});
      }
      if (!line.points.empty()) lines.push_back(std::move(line));
    }
  }
  if (lines.empty()) return "";
  return card(
      "Average by step",
      line_chart({.about = "average score by step", .x_name = "step", .y_name = "average"}, lines));
}

std::string paired_card(const Comparison& comparison) {
  if (comparison.paired.empty()) return "";
  HtmlTable table({"task", "metric", "setting", "difference", "95 % interval", "better in"},
                  {1, 2});
  for (const PairedDifference& paired : comparison.paired) {
    const bool apart =
        paired.interval && (paired.interval->low > 0.0 || paired.interval->high < 0.0);
    const std::string difference =
        concat(paired.difference > 0.0 ? "+" : "", figure_text(paired.difference));
    table.add_row({html_text(paired.task), html_text(paired.metric), html_text(paired.setting, 80),
                   apart ? concat("<b>", difference, "</b>") : difference,
                   paired.interval ? concat(figure_text(paired.interval->low), " to ",
                                            figure_text(paired.interval->high))
                                   : "–",
                   percent_text(paired.share_better, 0)});
  }
  return card(
      concat("Against ", comparison.settings.front().name, ", row by row"),
      table.html() +
          remark("Paired bootstrap: the same development rows are drawn for both settings; "
                 "runs are paired by seed. An interval without 0 is in bold. It says how far "
                 "the difference depends on the rows, not on the seeds."),
      "wide");
}

std::string runs_card(const Comparison& comparison) {
  HtmlTable table({"run", "setting", "seed", "state", "average", "step", "time"}, {1, 3});
  for (size_t i = 0; i < comparison.settings.size(); ++i) {
    for (const RunData* run : comparison.settings[i].runs) {
      const RunFigures scores = score_figures(*run), costs = cost_figures(*run);
      table.add_row({html_text(run->name, 80),
                     concat("<i class=\"b", i % kChartColours, "\"></i>",
                            html_text(comparison.settings[i].name, 80)),
                     html_text(run->option_text("seed"), 20),
                     run->finished ? "finished" : "not finished",
                     scores.contains("average") ? figure_text(scores.at("average")) : "–",
                     count_text(run->history.steps),
                     costs.contains("seconds") ? seconds_text(costs.at("seconds")) : "–"});
    }
  }
  return card("Runs", table.html(), "wide");
}

}  // namespace

std::string comparison_page(const std::vector<RunData>& runs, const Comparison& comparison) {
  std::string notes;
  constexpr size_t kMostNotes = 20;
  for (size_t i = 0; i < std::min(kMostNotes, comparison.notes.size()); ++i) {
    notes += concat("<p class=\"warn\">", html_text(comparison.notes[i]), "</p>\n");
  }
  const std::string main =
      stack(concat(notes, scores_card(comparison), paired_card(comparison), costs_card(comparison),
                   grid(cost_chart(comparison) + curves(comparison)), runs_card(comparison)));
  return bounded_page([&](const PageLimits&) {
    return html_page("Comparison of runs",
                     concat("<h1>Comparison of ", counted(std::ssize(runs), "run"), "</h1>\n",
                            remark(concat(counted(std::ssize(comparison.settings), "setting"),
                                          "; runs that differ in their seed alone are one."))),
                     concat("<p></p>", main));
  });
}

}  // namespace pals
