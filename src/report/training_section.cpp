// How the training went.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart.h"
#include "report/sections.h"

namespace pals {
namespace {

std::string loss_cards(const RunData& run, const PageLimits& limits) {
  std::string out;
  size_t shown = 0;
  for (const auto& [name, steps] : run.history.tasks) {
    if (shown++ == limits.tasks) break;
    ChartLine dev{.name = "development", .colour = 1, .dots = true};
    for (const EvaluationRecord& evaluation : run.history.evaluations) {
      const auto task = evaluation.scores.tasks.find(name);
      if (task == evaluation.scores.tasks.end()) continue;
      const auto loss = task->second.find("loss");
      if (loss == task->second.end() || !loss->second) continue;
      dev.points.push_back({static_cast<double>(evaluation.after_step), *loss->second});
    }
    std::vector<ChartLine> lines = {{.name = "training", .points = steps.losses.points()}};
    if (!dev.points.empty()) lines.push_back(std::move(dev));
    out += card(
        concat("Loss of ", name),
        line_chart({.about = "loss of " + name + " by step", .x_name = "step", .y_least = 0.0},
                   lines) +
            remark(concat(counted(steps.losses.count(), "step"), ", ", counted(steps.rows, "row"),
                          ", ", short_count(static_cast<double>(steps.tokens)), " tokens")));
  }
  return out;
}

// "temperature, alpha 0.3, at most 100000 rows count, each task at least 0.05".
std::string sampling_text(const RunData& run) {
  std::string text = run.option_text("sample");
  if (text.empty()) return text;
  const std::string alpha = run.option_text("sample_alpha"), cap = run.option_text("sample_cap");
  if (!alpha.empty()) text += ", alpha " + alpha;
  if (!cap.empty()) text += ", at most " + cap + " rows count";
  const auto share = run.options.find("min_share");
  const bool has_least =
      share != run.options.end() && share->is_number() && share->get<double>() > 0.0;
  return has_least ? concat(text, ", each task at least ", share->get<double>()) : text;
}

std::string sampling_card(const RunData& run, const PageLimits& limits) {
  std::vector<ChartLine> lines;
  for (const EpochRecord& epoch : run.history.epochs) {
    for (const auto& [task, probability] : epoch.probabilities) {
      auto line = std::ranges::find(lines, task, &ChartLine::name);
      if (line == lines.end()) {
        if (lines.size() == limits.tasks) continue;
        line = lines.insert(lines.end(), {.name = task, .colour = lines.size(), .dots = true});
      }
      line->points.push_back({static_cast<double>(epoch.epoch), probability});
    }
  }
  if (lines.size() < 2) return "";
  const std::string sample = sampling_text(run);
  return card(concat("Sampling", sample.empty() ? "" : concat(" (", sample, ")")),
              line_chart({.about = "probability of each task by epoch",
                          .x_name = "epoch",
                          .y_name = "probability of a task",
                          .y_least = 0.0},
                         lines));
}

// Rows a second between two lines of times, of one process.
std::string throughput_card(const RunHistory& history) {
  std::vector<CurvePoint> points;
  for (size_t i = 0; i < history.times.size(); ++i) {
    const TimeRecord& time = history.times[i];
    const auto steps_seconds = [](const TimeRecord& record) {
      double sum = 0.0;
      for (const char* part : {"steps", "wait_for_data"}) {
        const auto found = record.seconds.find(part);
        if (found != record.seconds.end()) sum += found->second;
      }
      return sum;
    };
    // What was lost with a killed process and done again is not counted twice.
    const bool follows = i > 0 && history.times[i - 1].from_step == time.from_step &&
                         history.times[i - 1].wall_seconds < time.wall_seconds;
    const double seconds =
        steps_seconds(time) - (follows ? steps_seconds(history.times[i - 1]) : 0.0);
    const int64_t before = i > 0 ? history.progress[i - 1].second : 0;
    const int64_t rows = history.progress[i].second - before;
    if (seconds > 0.01 && rows > 0) {
      points.push_back({static_cast<double>(time.until_step), static_cast<double>(rows) / seconds});
    }
  }
  if (points.empty()) return "";
  Series series;
  for (const CurvePoint& point : points) series.add(point.x, point.y);
  return card(
      "Throughput",
      line_chart(
          {.about = "rows a second by step",
           .x_name = "step",
           .y_name = "rows a second",
           .y_least = 0.0},
          {{.name = "rows a second", .points = series.points(), .dots = points.size() < 30}}));
}

std::string time_card(const RunHistory& history) {
  const std::map<std::string, std::string> names = {{"start", "start: files, texts, model"},
                                                    {"wait_for_data", "waiting for batches"},
                                                    {"steps", "steps"},
                                                    {"evaluation", "evaluation"},
                                                    {"saving", "writing models and checkpoints"},
                                                    {"report", "this page"}};
  std::map<std::string, double> sums;
  // The last line of each process tells all of its time.
  for (size_t i = 0; i < history.times.size(); ++i) {
    const bool last = i + 1 == history.times.size() ||
                      history.times[i + 1].wall_seconds < history.times[i].wall_seconds;
    if (!last) continue;
    for (const auto& [part, seconds] : history.times[i].seconds) sums[part] += seconds;
  }
  std::vector<Share> shares;
  for (const char* part : {"steps", "wait_for_data", "evaluation", "saving", "report", "start"}) {
    if (sums.contains(part))
      shares.push_back({names.at(part), sums[part], seconds_text(sums[part])});
  }
  if (shares.empty()) return "";
  return card("Where the time went", share_chart("time by what was done", shares));
}

std::string speed_text(const SpeedRecord& speed) {
  std::string text = concat(format_double(1000.0 * speed.seconds_a_step, 1), " ms a step, ",
                            counted(speed.ranks, "process", "processes"));
  if (!speed.traffic) return text + ".";
  return concat(text, "; ", bytes_text(speed.traffic->bytes_a_step),
                " given to collectives a step, ", percent_text(speed.traffic->hidden),
                " of the communication behind computation.");
}

}  // namespace

double run_seconds(const RunHistory& history) {
  double sum = 0.0;
  for (size_t i = 0; i < history.times.size(); ++i) {
    const bool last = i + 1 == history.times.size() ||
                      history.times[i + 1].wall_seconds < history.times[i].wall_seconds;
    if (last) sum += history.times[i].wall_seconds;
  }
  return sum;
}

std::string training_section(const RunData& run, const PageLimits& limits) {
  const RunHistory& history = run.history;
  std::string content = loss_cards(run, limits) + sampling_card(run, limits);
  if (history.learning_rates.count() > 0) {
    content += card("Learning rate",
                    line_chart({.about = "learning rate by step", .x_name = "step", .y_least = 0.0},
                               {{.name = "rate", .points = history.learning_rates.points()}}));
  }
  content += throughput_card(history) + time_card(history);
  if (content.empty()) return "";
  content = grid(content);
  if (history.speed) content += remark(speed_text(*history.speed));
  return section("training", "Training", content);
}

}  // namespace pals
