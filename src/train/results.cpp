#include "train/results.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "runlog/fields.h"

namespace pals {
namespace {

double loss_of(const TaskValues& values) {
  const auto loss = values.find("loss");
  const bool known = loss != values.end() && loss->second.has_value();
  return known ? *loss->second : std::numeric_limits<double>::infinity();
}

double mean_loss(const ScoresRecord& scores) {
  double sum = 0.0;
  for (const auto& [name, values] : scores.tasks) sum += loss_of(values);
  return sum / static_cast<double>(scores.tasks.size());
}

bool is_better(double score, double loss, double best_score, double best_loss) {
  return score > best_score || (score == best_score && loss < best_loss);
}

}  // namespace

void RunResults::add(const std::vector<TaskScores>& scores) {
  last_ = parse_scores(Json(scores_to_json(scores)), "scores");
}

bool RunResults::keep_average(int64_t step, const std::vector<TaskScores>& scores) {
  const double average = average_score(scores);
  if (best_ && !is_better(average, mean_loss(last_), best_->score, mean_loss(best_->scores))) {
    return false;
  }
  best_ = {.step = step, .score = average, .scores = last_, .table = scores_table(scores)};
  return true;
}

bool RunResults::keep_task(int64_t step, const TaskScores& scores) {
  const auto best = best_tasks_.find(scores.task);
  if (best != best_tasks_.end() &&
      !is_better(scores.score, scores.loss, best->second.score, loss_of(best->second.values))) {
    return false;
  }
  best_tasks_[scores.task] = {
      .step = step, .score = scores.score, .values = last_.tasks[scores.task]};
  return true;
}

std::optional<int64_t> RunResults::best_step() const {
  return best_ ? std::optional(best_->step) : std::nullopt;
}

std::optional<int64_t> RunResults::last_best_step() const {
  std::optional<int64_t> last = best_step();
  for (const auto& [task, best] : best_tasks_) last = std::max(last, std::optional(best.step));
  return last;
}

void RunResults::save(Json& state) const {
  Json& best = state["best"] = Json::object();
  if (best_) {
    best["average"] = {{"step", best_->step},
                       {"score", best_->score},
                       {"scores", Json(to_json(best_->scores))},
                       {"table", best_->table}};
  }
  if (const Json tasks = Json(to_json(record())); tasks.contains("best_by_task")) {
    best["tasks"] = tasks["best_by_task"];
  }
  state["last"] = last_.tasks.empty() ? Json::object() : Json(to_json(last_));
}

void RunResults::restore(const Json& state, const std::string& where) {
  const Json& best = field_of(state, "best", where);
  const Json& last = field_of(state, "last", where);
  if (!best.is_object() || !last.is_object()) fail(where, ": \"best\" or \"last\" is no object");
  if (!last.empty()) last_ = parse_scores(last, where + ", \"last\"");
  if (best.contains("average")) {
    const Json& average = best["average"];
    const std::string here = where + ", \"best\"";
    best_ = {.step = count_field(average, "step", here),
             .score = number_field(average, "score", here),
             .scores = parse_scores(field_of(average, "scores", here), here),
             .table = text_field(average, "table", here)};
  }
  if (best.contains("tasks") && !best["tasks"].is_null()) {
    best_tasks_ = parse_results({{"best_by_task", best["tasks"]}}, where).best_by_task;
  }
}

ResultsRecord RunResults::record() const {
  ResultsRecord record;
  if (best_) record.evaluated = {.best = best_->scores, .step = best_->step, .last = last_};
  record.best_by_task = best_tasks_;
  return record;
}

}  // namespace pals
