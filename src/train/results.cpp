#include "train/results.h"

namespace pals {
namespace {

bool improves(const Json& best, const std::string& name, double score) {
  return !best.is_object() || !best.contains(name) || score > best[name].at("score").get<double>();
}

}  // namespace

void RunResults::add(const std::vector<TaskScores>& scores) { last_ = scores_to_json(scores); }

bool RunResults::keep_average(int64_t step, const std::vector<TaskScores>& scores) {
  const double average = average_score(scores);
  if (!improves(best_, "average", average)) return false;
  best_["average"] = {
      {"step", step}, {"score", average}, {"scores", last_}, {"table", scores_table(scores)}};
  return true;
}

bool RunResults::keep_task(int64_t step, const TaskScores& scores) {
  if (!improves(best_["tasks"], scores.task, scores.score)) return false;
  best_["tasks"][scores.task] = {
      {"step", step}, {"score", scores.score}, {"scores", last_["tasks"][scores.task]}};
  return true;
}

void RunResults::save(Json& state) const {
  state["best"] = best_;
  state["last"] = last_;
}

void RunResults::restore(const Json& state) {
  best_ = state.at("best");
  last_ = state.at("last");
}

OrderedJson RunResults::to_json() const {
  OrderedJson results;
  if (best_.contains("average")) {
    const Json& scores = best_["average"]["scores"];
    results["average"] = scores["average"];
    results["tasks"] = scores["tasks"];
    results["step"] = best_["average"]["step"];
    results["last"] = last_;
  }
  if (best_.contains("tasks")) results["best_by_task"] = best_["tasks"];
  return results;
}

std::string RunResults::table() const {
  return best_.contains("average") ? best_["average"]["table"].get<std::string>() : "";
}

}  // namespace pals
