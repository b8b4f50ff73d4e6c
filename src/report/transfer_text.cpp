// What tasks gain or lose by training together, for programs and for the terminal.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"
#include "report/transfer.h"

namespace pals {
namespace {

constexpr int kDigits = 4, kCosineDigits = 2;

OrderedJson interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return {interval->low, interval->high};
}

/// A mean, and from two values on their deviation.
OrderedJson spread_json(const Spread& spread) {
  if (spread.count == 0) return {{"mean", nullptr}, {"deviation", nullptr}};
  const OrderedJson deviation =
      spread.count > 1 ? OrderedJson(spread.deviation) : OrderedJson(nullptr);
  return {{"mean", spread.mean}, {"deviation", deviation}};
}

OrderedJson mean_json(const Spread& spread) {
  return spread.count == 0 ? OrderedJson(nullptr) : OrderedJson(spread.mean);
}

OrderedJson row_json(const TransferRow& row) {
  OrderedJson seeds = OrderedJson::array(), difference = spread_json(row.difference());
  for (const TransferPair& pair : row.best) {
    seeds.push_back({{"seed", pair.seed}, {"alone", pair.alone}, {"joint", pair.joint}});
  }
  difference["interval"] = interval_json(row.seeds);
  OrderedJson rows;
  if (row.rows) {
    rows = {{"interval", interval_json(row.rows->interval)},
            {"share_better", row.rows->share_better}};
  }
  const std::optional<TransferEffect> effect = row.effect();
  return {{"task", row.task},
          {"metric", row.metric},
          {"alone", spread_json(row.alone())},
          {"joint", spread_json(row.joint())},
          {"difference", std::move(difference)},
          {"last_difference", spread_json(row.last_difference())},
          {"dev_rows", std::move(rows)},
          {"effect", effect ? OrderedJson(name_of(*effect)) : OrderedJson(nullptr)},
          {"seeds", std::move(seeds)}};
}

OrderedJson gradients_json(const TransferGradients& gradients) {
  OrderedJson cosines = OrderedJson::array(), halves = OrderedJson::array(),
              norms = OrderedJson::array();
  for (const std::vector<Spread>& own : gradients.cosines) {
    OrderedJson row = OrderedJson::array();
    for (const Spread& cosine : own) row.push_back(mean_json(cosine));
    cosines.push_back(std::move(row));
  }
  for (const Spread& half : gradients.halves) halves.push_back(mean_json(half));
  for (const Spread& norm : gradients.norms) norms.push_back(mean_json(norm));
  return {{"seeds", gradients.seeds},           {"batches", gradients.batches},
          {"parameters", gradients.parameters}, {"tasks", gradients.tasks},
          {"cosines", std::move(cosines)},      {"halves", std::move(halves)},
          {"norms", std::move(norms)}};
}

std::string signed_text(double value, int digits) {
  return concat(value > 0.0 ? "+" : "", format_double(value, digits));
}

std::string spread_text(const Spread& spread, bool is_signed) {
  if (spread.count == 0) return "-";
  std::string mean =
      is_signed ? signed_text(spread.mean, kDigits) : format_double(spread.mean, kDigits);
  if (spread.count == 1) return mean;
  return concat(mean, " ± ", format_double(spread.deviation, kDigits));
}

std::string interval_words(const std::optional<Interval>& interval) {
  if (!interval) return "";
  return concat(signed_text(interval->low, kDigits), " to ", signed_text(interval->high, kDigits));
}

/// With one seed without the column of what seeds tell.
std::string scores_text(const Transfer& transfer) {
  const bool has_seeds = transfer.seeds.size() > 1;
  std::vector<std::string> header = {"task", "metric", "alone", "joint", "difference"};
  if (has_seeds) header.emplace_back("over seeds");
  header.insert(header.end(), {"over dev rows", "at the end", "together it"});
  Table table(header);
  table.align_left(1);
  table.align_left(header.size() - 1);
  for (const TransferRow& row : transfer.rows) {
    const std::optional<TransferEffect> effect = row.effect();
    std::vector<std::string> cells = {row.task, row.metric, spread_text(row.alone(), false),
                                      spread_text(row.joint(), false),
                                      spread_text(row.difference(), true)};
    if (has_seeds) cells.push_back(interval_words(row.seeds));
    cells.push_back(row.rows ? interval_words(row.rows->interval) : "");
    cells.push_back(spread_text(row.last_difference(), true));
    cells.emplace_back(effect ? effect_text(*effect) : "");
    table.add_row(std::move(cells));
  }
  return table.text();
}

std::string cosines_text(const TransferGradients& gradients) {
  std::vector<std::string> header = {"cosine"};
  header.insert(header.end(), gradients.tasks.begin(), gradients.tasks.end());
  Table table(header);
  const auto text = [](const Spread& spread) {
    return spread.count == 0 ? std::string("-") : format_double(spread.mean, kCosineDigits);
  };
  for (size_t i = 0; i < gradients.tasks.size(); ++i) {
    std::vector<std::string> row = {gradients.tasks[i]};
    for (size_t j = 0; j < gradients.tasks.size(); ++j) {
      row.push_back(i == j ? concat("(", text(gradients.halves[i]), ")")
                           : text(gradients.cosines[i][j]));
    }
    table.add_row(std::move(row));
  }
  return table.text();
}

}  // namespace

const char* effect_text(TransferEffect effect) {
  return effect == TransferEffect::kOpen ? "cannot be told" : name_of(effect);
}

std::vector<std::string> explanations(const Transfer& transfer) {
  std::vector<std::string> lines;
  const std::string seeds = seeds_text(transfer.seeds);
  if (transfer.seeds.size() > 1) {
    lines.push_back(concat(seeds, ": means ± standard deviations; \"over seeds\" is the 95 % ",
                           "interval of the mean difference (Student's t)."));
  } else {
    lines.push_back(concat(seeds, ": no spread and no interval over seeds, so that what another ",
                           "seed would give is not known."));
  }
  lines.emplace_back(
      "\"over dev rows\" is the 95 % interval of a paired bootstrap, by the task's first metric; "
      "it says nothing of seeds.");
  lines.emplace_back(
      "alone: the best model of the task's own run; joint: the model of all tasks that is best by "
      "average. \"at the end\" is the difference of the last evaluations, which nothing has "
      "chosen.");
  return lines;
}

std::string gradients_explanation(const TransferGradients& gradients) {
  return concat("Cosines of the tasks' mean gradients over ", gradients.batches,
                " training batches each, of the ",
                format_count(static_cast<uint64_t>(std::max<int64_t>(0, gradients.parameters))),
                " shared parameters that train, at the best joint model of ",
                seeds_text(gradients.seeds),
                "; in brackets those of two halves of a task's own batches.");
}

OrderedJson transfer_json(const Transfer& transfer) {
  OrderedJson rows = OrderedJson::array();
  for (const TransferRow& row : transfer.rows) rows.push_back(row_json(row));
  return {{"seeds", transfer.seeds},
          {"rows", std::move(rows)},
          {"gradients",
           transfer.gradients ? gradients_json(*transfer.gradients) : OrderedJson(nullptr)},
          {"notes", transfer.notes}};
}

std::string transfer_text(const Transfer& transfer) {
  std::string text = scores_text(transfer);
  for (const std::string& line : explanations(transfer)) text += line + "\n";
  if (transfer.gradients) {
    text += concat("\n", cosines_text(*transfer.gradients),
                   gradients_explanation(*transfer.gradients), "\n");
  }
  for (const std::string& note : transfer.notes) text += note + "\n";
  return text;
}

}  // namespace pals
