#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pals {

double schedule_factor(Schedule schedule, int64_t step, int64_t total_steps, double warmup) {
  if (total_steps <= 0) return 1.0;
  const double x = static_cast<double>(step) / static_cast<double>(total_steps);
  if (x < warmup) return x / warmup;
  switch (schedule) {
    case Schedule::kWarmupLinear:
      return std::max(0.0, 1.0 - x);
    case Schedule::kWarmupCosine:
      return 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(x, 1.0)));
    case Schedule::kWarmupConstant:
      break;
  }
  return 1.0;
}

}  // namespace pals
