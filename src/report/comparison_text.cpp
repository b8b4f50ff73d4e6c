// A comparison for programs and for the terminal.
#include "base/error.h"
#include "base/table.h"
#include "base/text_util.h"
#include "report/comparison.h"

namespace pals {

OrderedJson comparison_json(const Comparison& comparison) {
  const auto spreads = [](const Setting& setting, RunFigures (*figures)(const RunData&)) {
    std::map<std::string, std::vector<double>> values;
    for (const RunData* run : setting.runs) {
      for (const auto& [name, value] : figures(*run)) values[name].push_back(value);
    }
    OrderedJson json = OrderedJson::object();
    for (const auto& [name, own] : values) {
      const Spread spread = spread_of(own);
      const OrderedJson deviation =
          spread.count > 1 ? OrderedJson(spread.deviation) : OrderedJson(nullptr);
      json[name] = {{"mean", spread.mean}, {"deviation", deviation}, {"runs", spread.count}};
    }
    return json;
  };
  OrderedJson settings = OrderedJson::array(), paired = OrderedJson::array();
  for (const Setting& setting : comparison.settings) {
    OrderedJson runs = OrderedJson::array();
    for (const RunData* run : setting.runs) runs.push_back(run->folder);
    settings.push_back({{"name", setting.name},
                        {"runs", std::move(runs)},
                        {"scores", spreads(setting, score_figures)},
                        {"cost", spreads(setting, cost_figures)}});
  }
  for (const PairedDifference& own : comparison.paired) {
    OrderedJson interval;
    if (own.interval) interval = {own.interval->low, own.interval->high};
    paired.push_back({{"task", own.task},
                      {"metric", own.metric},
                      {"setting", own.setting},
                      {"against", comparison.settings.front().name},
                      {"pairs", own.pairs},
                      {"difference", own.difference},
                      {"interval", std::move(interval)},
                      {"share_better", own.share_better}});
  }
  return {{"settings", std::move(settings)},
          {"paired", std::move(paired)},
          {"notes", comparison.notes}};
}

std::string comparison_table(const Comparison& comparison) {
  std::vector<std::string> header = {"score"};
  std::map<std::string, std::vector<std::string>> rows;
  for (const Setting& setting : comparison.settings) {
    std::map<std::string, std::vector<double>> values;
    for (const RunData* run : setting.runs) {
      for (const auto& [name, value] : score_figures(*run)) values[name].push_back(value);
    }
    for (const auto& [name, own] : values) {
      const Spread spread = spread_of(own);
      std::vector<std::string>& cells = rows[name];
      cells.resize(header.size() - 1);
      cells.push_back(format_double(spread.mean, 4) +
                      (spread.count > 1 ? concat(" ± ", format_double(spread.deviation, 4)) : ""));
    }
    header.push_back(setting.name);
  }
  Table table(header);
  for (const auto& [name, cells] : rows) {
    std::vector<std::string> row = {name};
    row.insert(row.end(), cells.begin(), cells.end());
    table.add_row(std::move(row));
  }
  return table.text();
}

}  // namespace pals
