// The page that shows what tasks gain or lose by training together.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "report/page.h"
#include "report/transfer.h"
#include "report/transfer_charts.h"

namespace pals {
namespace {

constexpr size_t kGreen = 2, kRed = 6, kGrey = 7;  // of the style's colours

std::string signed_text(double value) { return concat(value > 0.0 ? "+" : "", figure_text(value)); }

std::string spread_cell(const Spread& spread, std::string (*text)(double)) {
  if (spread.count == 0) return "–";
  if (spread.count == 1) return text(spread.mean);
  return concat(text(spread.mean), " <small>± ", figure_text(spread.deviation), "</small>");
}

std::string plain_figure(double value) { return figure_text(value); }

std::string interval_cell(const std::optional<Interval>& interval) {
  if (!interval) return "–";
  return concat(signed_text(interval->low), " to ", signed_text(interval->high));
}

std::string row_name(const TransferRow& row) { return concat(row.task, " ", row.metric); }

std::string tiles(const Transfer& transfer) {
  std::vector<std::string> gaining, losing, open;
  for (const TransferRow& row : transfer.rows) {
    const std::optional<TransferEffect> effect = row.effect();
    if (!row.is_main || !effect) continue;
    (*effect == TransferEffect::kGains   ? gaining
     : *effect == TransferEffect::kLoses ? losing
                                         : open)
        .push_back(row.task);
  }
  const auto names = [](const std::vector<std::string>& tasks) {
    return tasks.empty() ? std::string("–") : join(tasks, ", ");
  };
  return concat("<div class=\"tiles\">\n", tile(names(gaining), "gain together"),
                tile(names(losing), "lose together"), tile(names(open), "cannot be told"),
                tile(concat(transfer.seeds.size()), transfer.seeds.size() == 1 ? "seed" : "seeds"),
                "</div>\n");
}

std::string scores_card(const Transfer& transfer) {
  HtmlTable table({"task", "metric", "alone", "joint", "difference", "over seeds", "over dev rows",
                   "at the end", "together it"},
                  {1, 8});
  for (const TransferRow& row : transfer.rows) {
    const std::optional<TransferEffect> effect = row.effect();
    const bool is_told = effect && *effect != TransferEffect::kOpen;
    const std::string difference = spread_cell(row.difference(), signed_text);
    table.add_row({html_text(row.task), html_text(row.metric),
                   spread_cell(row.alone(), plain_figure), spread_cell(row.joint(), plain_figure),
                   is_told ? concat("<b>", difference, "</b>") : difference,
                   interval_cell(row.seeds),
                   interval_cell(row.rows ? row.rows->interval : std::nullopt),
                   spread_cell(row.last_difference(), signed_text),
                   effect ? html_text(effect_text(*effect)) : ""});
  }
  std::string remarks = remark("Differences in bold are gains or losses that can be told.");
  for (const std::string& line : explanations(transfer)) remarks += remark(line);
  return card("Alone and together", table.html() + remarks, "wide");
}

/// Errors of values have scales of their own.
std::string charts(const Transfer& transfer) {
  std::vector<PairRow> pairs;
  std::vector<ReachRow> reaches;
  bool has_errors = false;
  for (const TransferRow& row : transfer.rows) {
    if (!row.is_main || row.best.empty()) continue;
    if (row.is_error) {
      has_errors = true;
      continue;
    }
    PairRow pair{.name = row_name(row)};
    for (const TransferPair& own : row.best) {
      pair.first.push_back(own.alone);
      pair.second.push_back(own.joint);
    }
    pairs.push_back(std::move(pair));
    const std::optional<TransferEffect> effect = row.effect();
    const bool is_told = effect && *effect != TransferEffect::kOpen;
    reaches.push_back({.name = row_name(row),
                       .value = row.difference().mean,
                       .interval = row.seeds || !row.rows ? row.seeds : row.rows->interval,
                       .colour = !is_told                            ? kGrey
                                 : *effect == TransferEffect::kGains ? kGreen
                                                                     : kRed});
  }
  const std::string left_out =
      has_errors ? remark(
                       "Tasks that are measured by an error are not in the picture: theirs has "
                       "a scale of its own.")
                 : "";
  const bool over_seeds = transfer.seeds.size() > 1;
  return card("Each task alone and together", pair_chart("scores of each task alone and together",
                                                         "score", {"alone", "joint"}, pairs) +
                                                  left_out) +
         card("What it gains or loses",
              reach_chart("difference of each task's scores, joint less alone", "joint − alone",
                          reaches) +
                  remark(concat("Lines are 95 % intervals over ",
                                over_seeds ? "seeds" : "the development rows of one seed",
                                "; green: gains, red: loses, grey: cannot be told.")));
}

std::string gradients_card(const Transfer& transfer) {
  if (!transfer.gradients) return "";
  const TransferGradients& gradients = *transfer.gradients;
  const auto mean = [](const Spread& spread) {
    return spread.count == 0 ? std::optional<double>() : std::optional(spread.mean);
  };
  std::vector<std::vector<std::optional<double>>> values;
  for (size_t i = 0; i < gradients.tasks.size(); ++i) {
    std::vector<std::optional<double>>& row = values.emplace_back();
    for (size_t j = 0; j < gradients.tasks.size(); ++j) {
      row.push_back(mean(i == j ? gradients.halves[i] : gradients.cosines[i][j]));
    }
  }
  HtmlTable norms({"task", "norm of the mean gradient", "two halves"});
  for (size_t i = 0; i < gradients.tasks.size(); ++i) {
    norms.add_row({html_text(gradients.tasks[i]), spread_cell(gradients.norms[i], plain_figure),
                   spread_cell(gradients.halves[i], plain_figure)});
  }
  return card("Cosines of the tasks' gradients",
              heat_map("cosine", gradients.tasks, values) +
                  remark(gradients_explanation(gradients)) +
                  remark("Above zero (blue) a step for one task helps the other at once, below "
                         "(red) it hurts. Where a task's own halves agree little, neither do the "
                         "numbers beside them say much.")) +
         card("Gradients", norms.html());
}

std::string runs_card(const std::vector<TransferSeed>& seeds) {
  HtmlTable table({"run", "seed", "average", "steps", "time"});
  for (const TransferSeed& seed : seeds) {
    const auto add = [&](const RunData& run) {
      const RunFigures scores = score_figures(run), costs = cost_figures(run);
      table.add_row({html_text(run.name, 80), concat(seed.seed),
                     scores.contains("average") ? figure_text(scores.at("average")) : "–",
                     count_text(run.history.steps),
                     costs.contains("seconds") ? seconds_text(costs.at("seconds")) : "–"});
    };
    if (seed.joint) add(*seed.joint);
    for (const auto& [task, run] : seed.alone) add(run);
  }
  return card("Runs", table.html() + remark("Each has a page of its own in its folder."), "wide");
}

}  // namespace

std::string transfer_page(const Transfer& transfer, const std::vector<TransferSeed>& seeds) {
  std::string notes;
  constexpr size_t kMostNotes = 20;
  for (size_t i = 0; i < std::min(kMostNotes, transfer.notes.size()); ++i) {
    notes += concat("<p class=\"warn\">", html_text(transfer.notes[i]), "</p>\n");
  }
  return bounded_page([&](const PageLimits&) {
    return html_page(
        "Tasks alone and together",
        concat("<h1>What ", transfer.tasks.size(), " tasks gain or lose together</h1>\n",
               remark("Each task in a model of its own, and all in one, trained for the same "
                      "number of passes over their rows."),
               tiles(transfer)),
        concat("<p></p>",
               stack(concat(notes, scores_card(transfer),
                            grid(charts(transfer) + gradients_card(transfer)), runs_card(seeds)))));
  });
}

}  // namespace pals
