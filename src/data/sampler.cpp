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

}  // namespace

int64_t steps_per_pass(int64_t rows, int64_t batch_size) {
  return rows / batch_size + (rows % batch_size != 0 ? 1 : 0);
}

TaskSampler::TaskSampler(Sampling sampling, std::vector<int64_t> sizes, uint64_t seed,
                         int64_t total_steps, int64_t num_epochs, int64_t steps_per_epoch)
    : sampling_(sampling),
      sizes_(std::move(sizes)),
      seed_(seed),
      num_epochs_(num_epochs),
      steps_per_epoch_(steps_per_epoch) {
  if (sizes_.empty()) fail_usage("no tasks to train on; name at least one");
  if (num_epochs < 1) fail_usage("the number of epochs is ", num_epochs, "; it must be at least 1");
  if (steps_per_epoch < 0) fail_usage("steps per epoch are ", steps_per_epoch, "; at least 1 is");
  for (size_t i = 0; i < sizes_.size(); ++i) {
    if (sizes_[i] < 1) fail("task ", i + 1, " of ", sizes_.size(), " has no training rows");
  }
  if (steps_per_epoch_ == 0) {
    steps_per_epoch_ = std::max<int64_t>(1, steps_per_pass(total_steps, num_epochs_));
  }
}

int64_t TaskSampler::epoch_at(int64_t step) const {
  return std::clamp<int64_t>(step / steps_per_epoch_, 0, num_epochs_ - 1);
}

double TaskSampler::alpha(int64_t epoch) const {
  if (sampling_ == Sampling::kProportional) return 1.0;
  if (sampling_ == Sampling::kSquareRoot) return 0.5;
  if (sampling_ == Sampling::kRoundRobin) return 0.0;
  if (num_epochs_ == 1) return 1.0;
  return 1.0 - 0.8 * static_cast<double>(epoch) / static_cast<double>(num_epochs_ - 1);
}

std::vector<double> TaskSampler::probabilities(int64_t epoch) const {
  const double exponent = alpha(epoch);
  std::vector<double> result;
  result.reserve(sizes_.size());
  for (const int64_t size : sizes_) result.push_back(std::pow(static_cast<double>(size), exponent));
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& p : result) p /= sum;
  return result;
}

int TaskSampler::task_at(int64_t step) const {
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
