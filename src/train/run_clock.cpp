#include "train/run_clock.h"

#include <algorithm>

#include "base/host.h"

namespace pals {
namespace {

constexpr double kLeastSeconds = 5.0, kShare = 1.0 / 200.0;

double between(std::chrono::steady_clock::time_point begin,
               std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

RunPart RunClock::enter(RunPart part) {
  const Clock::time_point now = Clock::now();
  seconds_[static_cast<size_t>(part_.load())] += between(entered_, now);
  entered_ = now;
  return part_.exchange(part);
}

double RunClock::wall_seconds() const { return between(began_, Clock::now()); }

bool RunClock::line_is_due() const {
  const double wall = wall_seconds();
  return wall - last_line_ >= std::max(kLeastSeconds, kShare * wall);
}

TimeRecord RunClock::record(int64_t until_step, int64_t from_step) {
  enter(part_);
  last_line_ = between(began_, entered_);
  TimeRecord record{.until_step = until_step,
                    .from_step = from_step,
                    .wall_seconds = last_line_,
                    .seconds = {},
                    .peak_bytes = peak_rss_bytes()};
  for (const Name<RunPart>& part : kRunParts) record.seconds[part.text] = seconds(part.value);
  return record;
}

}  // namespace pals
