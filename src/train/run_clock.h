// What a run's time goes to.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/names.h"
#include "runlog/records.h"

namespace pals {

enum class RunPart { kStart, kData, kSteps, kEvaluation, kSaving, kReport };
inline constexpr Name<RunPart> kRunParts[] = {
    {RunPart::kStart, "start"},   {RunPart::kData, "wait_for_data"},
    {RunPart::kSteps, "steps"},   {RunPart::kEvaluation, "evaluation"},
    {RunPart::kSaving, "saving"}, {RunPart::kReport, "report"}};
constexpr std::span<const Name<RunPart>> names_of(RunPart) { return kRunParts; }

/// Counts the seconds of a process by the part of the run that it is in, from kStart on. One thread
/// uses it, but for part().
class RunClock {
 public:
  RunClock() : began_(Clock::now()), entered_(began_) {}

  /// The time from now on is this part's; gives the part before.
  RunPart enter(RunPart part);

  /// The present one; any thread may ask.
  RunPart part() const { return part_; }

  double wall_seconds() const;
  double seconds(RunPart part) const { return seconds_[static_cast<size_t>(part)]; }

  /// Whether it is time for another line in the log: five seconds have passed since the last one,
  /// or in long runs a part of 200 of all the time.
  bool line_is_due() const;

  /// The line of a process that began at `from_step` and has come to `until_step`.
  TimeRecord record(int64_t until_step, int64_t from_step);

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point began_, entered_;
  std::atomic<RunPart> part_ = RunPart::kStart;
  std::array<double, std::size(kRunParts)> seconds_{};
  double last_line_ = 0.0;
};

/// A part for as long as it lives; then the one before goes on.
class ClockedPart {
 public:
  ClockedPart(RunClock& clock, RunPart part) : clock_(clock), before_(clock.enter(part)) {}
  ~ClockedPart() { clock_.enter(before_); }
  ClockedPart(const ClockedPart&) = delete;
  ClockedPart& operator=(const ClockedPart&) = delete;

 private:
  RunClock& clock_;
  RunPart before_;
};

}  // namespace pals
