// Notices a training that runs away.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runlog/records.h"

namespace pals {

/// Compares each loss with the mean of the run's first hundred.
class LossWatch {
 public:
  static constexpr size_t kFirst = 100;
  static constexpr double kTimes = 10.0;

  /// `first_losses`: of the steps before, if the run goes on; more than kFirst are not looked at.
  explicit LossWatch(std::vector<double> first_losses = {});

  /// The text of a warning if the loss is above kTimes that mean, at most one in kFirst steps; else
  /// empty.
  std::string see(const StepRecord& step);

 private:
  std::vector<double> first_;
  int64_t quiet_until_ = 0;
};

}  // namespace pals
