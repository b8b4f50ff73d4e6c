#include "runlog/loss_watch.h"

#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {

LossWatch::LossWatch(std::vector<double> first_losses) : first_(std::move(first_losses)) {
  if (first_.size() > kFirst) first_.resize(kFirst);
}

std::string LossWatch::see(const StepRecord& step) {
  if (first_.size() < kFirst) {
    first_.push_back(step.loss);
    return {};
  }
  const double mean = std::accumulate(first_.begin(), first_.end(), 0.0) / kFirst;
  if (step.loss <= kTimes * mean || step.step < quiet_until_) return {};
  quiet_until_ = step.step + static_cast<int64_t>(kFirst);
  return concat("step ", step.step, ", task ", step.task, ": the loss is ",
                format_double(step.loss, 3), ", more than ten times the ", format_double(mean, 3),
                " of the first hundred steps; try a lower --learning_rate");
}

}  // namespace pals
