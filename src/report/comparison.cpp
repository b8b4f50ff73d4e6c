#include "report/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "report/analysis.h"
#include "report/sections.h"
#include "settings/train_options.h"

namespace pals {
namespace {

constexpr uint64_t kPairSeed = 20190207;
constexpr size_t kMostNamed = 4, kMostSettingName = 120;

/// Names of the options in which two runs differ, the seed and where they lie aside.
std::vector<std::string> differences(const RunData& one, const RunData& other) {
  std::vector<std::string> names = differing_options(one.options, other.options);
  std::erase_if(names, [](const std::string& name) { return name == "seed"; });
  return names;
}

/// Whether what the options name holds the same, as far as both runs say. Starting weights go by
/// the seed, too.
bool same_content(const RunData& one, const RunData& other) {
  constexpr std::array kParts = {"tasks", "data", "bert", "vocabulary", "lower_case", "tokenizer"};
  return std::ranges::all_of(kParts, [&](const char* part) {
    return one.identity.value(part, Json()) == other.identity.value(part, Json());
  });
}

bool same_setting(const RunData& one, const RunData& other) {
  if (one.options.empty() || other.options.empty()) return false;
  return differences(one, other).empty() && same_content(one, other);
}

std::vector<Setting> settings_of(const std::vector<RunData>& runs) {
  std::vector<Setting> settings;
  for (const RunData& run : runs) {
    const auto found = std::ranges::find_if(
        settings, [&](const Setting& setting) { return same_setting(*setting.runs.front(), run); });
    if (found != settings.end()) {
      found->runs.push_back(&run);
    } else {
      settings.push_back({"", {&run}});
    }
  }
  return settings;
}

// By the options in which settings differ; by their first run where those say nothing, or too much.
void name_settings(std::vector<Setting>& settings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings) {
    for (const std::string& name :
         differences(*settings.front().runs.front(), *setting.runs.front())) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  for (Setting& setting : settings) {
    std::vector<std::string> parts;
    for (const std::string& name : names) {
      const std::string value = setting.runs.front()->option_text(name.c_str());
      if (!value.empty()) parts.push_back(concat(name, " ", value));
    }
    const bool says = !parts.empty() && names.size() <= kMostNamed;
    setting.name =
        says ? join(parts, ", ").substr(0, kMostSettingName) : setting.runs.front()->name;
  }
}

// Settings whose options are the same seem to be one.
void note_other_content(Comparison& comparison) {
  const std::vector<Setting>& settings = comparison.settings;
  for (size_t i = 0; i < settings.size(); ++i) {
    for (size_t j = i + 1; j < settings.size(); ++j) {
      const RunData &one = *settings[i].runs.front(), &other = *settings[j].runs.front();
      if (one.options.empty() || other.options.empty() || !differences(one, other).empty()) {
        continue;
      }
      comparison.notes.push_back(concat("Runs ", one.name, " and ", other.name,
                                        " have the same options, but the content of tasks, data, ",
                                        "configuration or vocabulary differs."));
    }
  }
}

/// Two runs' predictions of a task over the same rows.
struct Pair {
  TaskAnalysis first, other;
};

const TaskPredictions* predictions_of(const RunData& run, const std::string& task) {
  const auto found = std::ranges::find(run.predictions, task,
                                       [](const TaskPredictions& p) { return p.head.task; });
  return found == run.predictions.end() ? nullptr : &*found;
}

/// Why two runs' predictions of a task cannot be compared row by row; empty if they can.
std::string unlike(const RunData& one, const RunData& other, const TaskPredictions& a,
                   const TaskPredictions& b) {
  if (a.rows.size() != b.rows.size() || a.head.kind != b.head.kind) return "their rows differ";
  for (size_t i = 0; i < a.rows.size(); ++i) {
    if (a.rows[i].split != b.rows[i].split || a.rows[i].row != b.rows[i].row) {
      return "their rows differ";
    }
    if (i > 0 && a.rows[i].split == a.rows[i - 1].split) continue;
    const std::string hash = one.data_hash(a.head.task, a.rows[i].split);
    if (hash.empty()) return "the content of their development files is not known";
    if (hash != other.data_hash(a.head.task, a.rows[i].split)) {
      return "their development files have different content";
    }
  }
  return a.rows.empty() ? "they have no rows" : "";
}

/// The runs of two settings by seed; if no seed is shared, the first of each.
std::vector<RunPair> run_pairs(const Setting& first, const Setting& other) {
  std::vector<RunPair> pairs;
  for (const RunData* one : first.runs) {
    for (const RunData* two : other.runs) {
      if (one->option_text("seed") != two->option_text("seed")) continue;
      pairs.emplace_back(one, two);
      break;
    }
  }
  if (pairs.empty()) pairs.emplace_back(first.runs.front(), other.runs.front());
  return pairs;
}

PairedDifference difference_of(const std::vector<Pair>& pairs, size_t metric) {
  const std::string& name = pairs.front().first.metric_names[metric];
  const std::optional<Metric> known = metric_from_name(name);
  const double sign = known && is_error(*known) ? -1.0 : 1.0;
  const auto difference = [&](std::span<const uint32_t> rows) {
    double sum = 0.0;
    for (const Pair& pair : pairs) {
      sum += pair.other.statistic(rows)[metric] - pair.first.statistic(rows)[metric];
    }
    return std::vector<double>{sum / static_cast<double>(pairs.size())};
  };
  const int64_t num_rows = pairs.front().first.rows;
  std::vector<uint32_t> all(static_cast<size_t>(num_rows));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  PairedDifference paired{.task = pairs.front().first.task,
                          .metric = name,
                          .pairs = std::ssize(pairs),
                          .difference = difference(all).front()};
  const auto resamples = usual_resamples(num_rows * std::ssize(pairs));
  const std::vector<std::vector<double>> drawn =
      bootstrap(difference, num_rows, resamples, kPairSeed);
  if (drawn.empty()) return paired;
  const auto better = std::ranges::count_if(drawn[0], [&](double d) { return sign * d > 0.0; });
  paired.share_better = static_cast<double>(better) / static_cast<double>(drawn[0].size());
  paired.interval = percentile_interval(drawn[0]);
  return paired;
}

void compare_task(const std::string& task, const Setting& first, const Setting& other,
                  Comparison& comparison) {
  std::optional<PairedDifference> paired =
      paired_difference(task, run_pairs(first, other), comparison.notes);
  if (!paired) return;
  paired->setting = other.name;
  comparison.paired.push_back(std::move(*paired));
}

const ScoresRecord* best_scores(const RunData& run) {
  if (run.results && run.results->evaluated) return &run.results->evaluated->best;
  if (run.history.evaluations.empty()) return nullptr;
  return &std::ranges::max_element(run.history.evaluations, {}, [](const EvaluationRecord& e) {
            return e.scores.average;
          })->scores;
}

}  // namespace

std::optional<PairedDifference> paired_difference(const std::string& task,
                                                  const std::vector<RunPair>& runs,
                                                  std::vector<std::string>& notes) {
  std::vector<Pair> pairs;
  for (const auto& [one, two] : runs) {
    const TaskPredictions *a = predictions_of(*one, task), *b = predictions_of(*two, task);
    if (a == nullptr || b == nullptr) continue;
    const std::string why = unlike(*one, *two, *a, *b);
    if (!why.empty()) {
      notes.push_back(concat("Task ", task, ": ", one->name, " and ", two->name,
                             " are not compared row by row: ", why, "."));
      continue;
    }
    try {
      pairs.push_back(
          {analyse(*a, one->find_task(task), false), analyse(*b, two->find_task(task), false)});
    } catch (const Error& error) {
      notes.push_back(concat(error.what(), "."));
    }
  }
  if (pairs.empty()) return std::nullopt;
  return difference_of(pairs, pairs.front().first.main_metric);
}

Spread spread_of(const std::vector<double>& values) {
  Spread spread{.count = std::ssize(values)};
  if (values.empty()) return spread;
  for (const double value : values) spread.mean += value;
  spread.mean /= static_cast<double>(values.size());
  if (values.size() == 1) return spread;
  double squares = 0.0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

RunFigures score_figures(const RunData& run) {
  RunFigures figures;
  const ScoresRecord* scores = best_scores(run);
  if (scores == nullptr) return figures;
  figures["average"] = scores->average;
  for (const auto& [task, values] : scores->tasks) {
    for (const auto& [name, value] : values) {
      if (name != "loss" && value) figures[concat(task, " ", name)] = *value;
    }
  }
  return figures;
}

RunFigures cost_figures(const RunData& run) {
  RunFigures figures;
  const double seconds = run_seconds(run.history);
  if (seconds > 0.0) figures["seconds"] = seconds;
  if (run.history.steps > 0) figures["steps"] = static_cast<double>(run.history.steps);
  if (run.parameters() > 0) figures["parameters"] = static_cast<double>(run.parameters());
  for (const TimeRecord& time : run.history.times) {
    figures["peak_bytes"] = std::max(figures["peak_bytes"], static_cast<double>(time.peak_bytes));
  }
  return figures;
}

Comparison compare_runs(const std::vector<RunData>& runs) {
  Comparison comparison{.settings = settings_of(runs)};
  name_settings(comparison.settings);
  note_other_content(comparison);
  for (const RunData& run : runs) {
    if (!run.finished) {
      comparison.notes.push_back(
          concat("Run ", run.name, " is not finished; its best evaluation so far counts."));
    }
  }
  for (size_t other = 1; other < comparison.settings.size(); ++other) {
    const Setting &first = comparison.settings.front(), &second = comparison.settings[other];
    for (const TaskPredictions& predictions : first.runs.front()->predictions) {
      compare_task(predictions.head.task, first, second, comparison);
    }
  }
  return comparison;
}

}  // namespace pals
