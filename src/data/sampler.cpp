#include "data/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace pals {
namespace {

// Keeps the draws apart from other uses of the run's seed.
constexpr uint64_t kSamplerSalt = 0x7461736b64726177;  // "taskdraw"
constexpr uint64_t kPassSalt = 0x7461736b70617373;     // "taskpass"

// The nearest odds of which none is below `least`: what is below gets that, and the others share
// the rest as they did.
std::vector<double> with_least(const std::vector<double>& odds, double least) {
  std::vector<double> result(odds.size(), least);
  std::vector<bool> is_low(odds.size(), false);
  for (bool changed = true; changed;) {
    changed = false;
    double free = 1.0, sum = 0.0;  // of the others
    for (size_t i = 0; i < odds.size(); ++i) {
      (is_low[i] ? free : sum) += is_low[i] ? -least : odds[i];
    }
    for (size_t i = 0; i < odds.size(); ++i) {
      if (is_low[i]) continue;
      result[i] = odds[i] * free / sum;
      if (result[i] >= least) continue;
      is_low[i] = changed = true;
      result[i] = least;
    }
  }
  return result;
}

}  // namespace

void check_min_share(const SamplingOdds& odds, size_t num_tasks) {
  const double sum = odds.min_share * static_cast<double>(num_tasks);
  constexpr double kRounding = 1e-9;
  if (sum <= 1.0 + kRounding) return;
  fail_usage("--min_share ", odds.min_share, " of ", num_tasks, " tasks is more than all steps; ",
             "give at most ", 1.0 / static_cast<double>(num_tasks));
}

int64_t steps_per_pass(int64_t rows, int64_t batch_size) {
  return rows / batch_size + (rows % batch_size != 0 ? 1 : 0);
}

TaskSampler::TaskSampler(Sampling sampling, std::vector<int64_t> sizes, uint64_t seed,
                         int64_t total_steps, int64_t num_epochs, int64_t steps_per_epoch,
                         const SamplingOdds& odds)
    : sampling_(sampling),
      sizes_(std::move(sizes)),
      seed_(seed),
      num_epochs_(num_epochs),
      steps_per_epoch_(steps_per_epoch),
      odds_(odds) {
  if (sizes_.empty()) fail_usage("no tasks to train on; name at least one");
  if (num_epochs < 1) fail_usage("the number of epochs is ", num_epochs, "; it must be at least 1");
  if (steps_per_epoch < 0) fail_usage("steps per epoch are ", steps_per_epoch, "; at least 1 is");
  check_min_share(odds_, sizes_.size());
  for (size_t i = 0; i < sizes_.size(); ++i) {
    if (sizes_[i] < 1) fail("task ", i + 1, " of ", sizes_.size(), " has no training rows");
  }
  if (steps_per_epoch_ == 0) {
    steps_per_epoch_ = std::max<int64_t>(1, steps_per_pass(total_steps, num_epochs_));
  }
}

int64_t TaskSampler::add_passes(int64_t first_step, int64_t batch_size) {
  std::vector<int> order;
  for (int task = 0; task < num_tasks(); ++task) {
    const int64_t steps = steps_per_pass(sizes_[static_cast<size_t>(task)], batch_size);
    order.insert(order.end(), static_cast<size_t>(steps), task);
  }
  Random random(mix64(seed_ ^ kPassSalt), 0);
  shuffle(order, random);
  passes_from_ = first_step;
  pass_ = std::make_shared<const std::vector<int>>(std::move(order));
  return std::ssize(*pass_);
}

void TaskSampler::set_factors(int64_t epoch, std::vector<double> factors) {
  const auto place = static_cast<size_t>(epoch);
  if (factors_.size() <= place) factors_.resize(place + 1);
  factors_[place] = std::move(factors);
}

int64_t TaskSampler::epoch_at(int64_t step) const {
  if (step >= passes_from_) return num_epochs_ + (step - passes_from_) / std::ssize(*pass_);
  return std::clamp<int64_t>(step / steps_per_epoch_, 0, num_epochs_ - 1);
}

double TaskSampler::alpha(int64_t epoch) const {
  if (sampling_ == Sampling::kProportional) return 1.0;
  if (sampling_ == Sampling::kSquareRoot) return 0.5;
  if (sampling_ == Sampling::kRoundRobin) return 0.0;
  if (sampling_ == Sampling::kTemperature || sampling_ == Sampling::kAuto) return odds_.alpha;
  if (num_epochs_ == 1) return 1.0;
  return 1.0 - 0.8 * static_cast<double>(epoch) / static_cast<double>(num_epochs_ - 1);
}

std::vector<double> TaskSampler::probabilities(int64_t epoch) const {
  if (pass_ != nullptr && epoch >= num_epochs_) {
    std::vector<double> shares(sizes_.size());
    for (const int task : *pass_) shares[static_cast<size_t>(task)] += 1.0;
    for (double& share : shares) share /= static_cast<double>(pass_->size());
    return shares;
  }
  const double exponent = alpha(epoch);
  const bool by_temperature = sampling_ == Sampling::kTemperature || sampling_ == Sampling::kAuto;
  const bool is_capped = by_temperature && odds_.cap > 0;
  std::vector<double> result;
  result.reserve(sizes_.size());
  for (const int64_t size : sizes_) {
    const int64_t rows = is_capped ? std::min(size, odds_.cap) : size;
    result.push_back(std::pow(static_cast<double>(rows), exponent));
  }
  if (const auto place = static_cast<size_t>(epoch);
      place < factors_.size() && !factors_[place].empty()) {
    for (size_t i = 0; i < result.size(); ++i) result[i] *= factors_[place].at(i);
  }
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& p : result) p /= sum;
  return odds_.min_share > 0.0 ? with_least(result, odds_.min_share) : result;
}

int TaskSampler::task_at(int64_t step) const {
  if (step >= passes_from_) {
    return (*pass_)[static_cast<size_t>((step - passes_from_) % std::ssize(*pass_))];
  }
  if (sampling_ == Sampling::kRoundRobin) return static_cast<int>(step % num_tasks());
  Random random(mix64(seed_ ^ kSamplerSalt), static_cast<uint64_t>(step));
  double left = random.uniform();
  const std::vector<double> p = probabilities(epoch_at(step));
  for (int task = 0; task + 1 < num_tasks(); ++task) {
    left -= p[static_cast<size_t>(task)];
    if (left < 0.0) return task;
  }
  return num_tasks() - 1;
}

}  // namespace pals
