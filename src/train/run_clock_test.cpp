#include "train/run_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace pals {
namespace {

TEST(RunClock, SharesOutAllOfTheTime) {
  RunClock clock;
  EXPECT_FALSE(clock.line_is_due());
  {
    const ClockedPart steps(clock, RunPart::kSteps);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const ClockedPart data(clock, RunPart::kData);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const TimeRecord record = clock.record(7, 3);
  EXPECT_EQ(record.until_step, 7);
  EXPECT_EQ(record.from_step, 3);
  EXPECT_GE(record.seconds.at("steps"), 0.019);
  EXPECT_GE(record.seconds.at("wait_for_data"), 0.009);
  EXPECT_EQ(record.seconds.at("evaluation"), 0.0);
  double sum = 0.0;
  for (const auto& [part, seconds] : record.seconds) sum += seconds;
  EXPECT_NEAR(sum, record.wall_seconds, 1e-6);
  EXPECT_GT(record.peak_bytes, 0);
}

}  // namespace
}  // namespace pals
