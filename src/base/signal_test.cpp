#include "base/signal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>

namespace pals {
namespace {

using namespace std::chrono_literals;

class SignalTest : public testing::TestWithParam<int> {};

bool is_requested_soon(const std::stop_token& stop) {
  for (int i = 0; i < 5000 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(1ms);
  return stop.stop_requested();
}

TEST_P(SignalTest, TheFirstOneAsksToStop) {
  const StopSignals signals;
  EXPECT_FALSE(signals.token().stop_requested());
  EXPECT_EQ(stop_signal(), 0);
  std::raise(GetParam());
  EXPECT_EQ(stop_signal(), GetParam());
  EXPECT_TRUE(is_requested_soon(signals.token()));
}

TEST_P(SignalTest, TheSecondOneEndsTheProcess) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        std::raise(SIGINT);
        std::raise(GetParam());
      },
      testing::KilledBySignal(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Each, SignalTest, testing::Values(SIGINT, SIGTERM, SIGUSR1));

TEST(StopSignals, WithoutOneNobodyIsStopped) {
  std::stop_token stop;
  {
    const StopSignals signals;
    stop = signals.token();
  }
  EXPECT_FALSE(stop.stop_requested());
  const StopSignals again;  // what came before is forgotten
  EXPECT_EQ(stop_signal(), 0);
}

TEST(HangupSignal, EachOneCallsTheAction) {
  std::atomic<int> calls = 0;
  {
    const HangupSignal hangup([&] { ++calls; });
    for (int expected = 1; expected < 4; ++expected) {
      std::raise(SIGHUP);
      for (int i = 0; i < 5000 && calls < expected; ++i) std::this_thread::sleep_for(1ms);
      EXPECT_EQ(calls, expected);
    }
  }
  EXPECT_EXIT(std::raise(SIGHUP), testing::KilledBySignal(SIGHUP), "");
}

}  // namespace
}  // namespace pals
