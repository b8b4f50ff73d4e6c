#include "train/progress_sampling.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace pals {
namespace {

constexpr double kMostFall = 0.2, kSteepness = 5.0;
constexpr double kUnknown = -1.0;

std::vector<double> numbers_of(const Json& json, size_t count) {
  if (!json.is_array() || json.size() != count ||
      !std::ranges::all_of(json.get<std::vector<Json>>(), &Json::is_number)) {
    fail("the checkpoint's odds are not those of ", count, " tasks");
  }
  return json.get<std::vector<double>>();
}

}  // namespace

double progress_factor(double before, double after) {
  if (!(before > 0.0)) return 1.0;
  const double fall = std::clamp(1.0 - after / before, -kMostFall, kMostFall);
  return std::exp(kSteepness * fall);
}

void ProgressSampling::add(const std::vector<TaskScores>& scores, int64_t epoch,
                           TaskSampler& sampler) {
  std::vector<double> losses(tasks_.size(), kUnknown), factors(tasks_.size(), 1.0);
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const auto found = std::ranges::find(scores, tasks_[i], &TaskScores::task);
    if (found == scores.end()) continue;
    losses[i] = found->loss;
    if (i < losses_.size() && losses_[i] >= 0.0)
      factors[i] = progress_factor(losses_[i], losses[i]);
  }
  losses_ = std::move(losses);
  const auto place = static_cast<size_t>(epoch);
  if (factors_.size() <= place) {
    factors_.resize(place + 1, std::vector<double>(tasks_.size(), 1.0));
  }
  factors_[place] = factors;
  sampler.set_factors(epoch, std::move(factors));
}

Json ProgressSampling::to_json() const { return {{"losses", losses_}, {"factors", factors_}}; }

void ProgressSampling::restore(const Json& state, TaskSampler& sampler) {
  if (!state.is_object()) fail("the checkpoint has no odds of --sample auto");
  const Json losses = state.value("losses", Json::array());
  if (!losses.empty()) losses_ = numbers_of(losses, tasks_.size());
  for (const Json& epoch : state.value("factors", Json::array())) {
    factors_.push_back(numbers_of(epoch, tasks_.size()));
    sampler.set_factors(std::ssize(factors_) - 1, factors_.back());
  }
}

}  // namespace pals
