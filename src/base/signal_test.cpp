#include "base/signal.h"

#include <gtest/gtest.h>

#include <csignal>

namespace pals {
namespace {

class SignalTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { reset_stop_request(); }
  void TearDown() override {
    reset_stop_request();
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGUSR1, SIG_DFL);
  }
};

TEST_P(SignalTest, TheFirstOneAsksToStop) {
  EXPECT_FALSE(stop_requested());
  EXPECT_EQ(stop_signal(), 0);
  std::raise(GetParam());
  EXPECT_TRUE(stop_requested());
  EXPECT_EQ(stop_signal(), GetParam());
}

TEST_P(SignalTest, TheSecondOneEndsTheProcess) {
  EXPECT_EXIT(
      {
        std::raise(SIGINT);
        std::raise(GetParam());
      },
      testing::KilledBySignal(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Each, SignalTest, testing::Values(SIGINT, SIGTERM, SIGUSR1));

}  // namespace
}  // namespace pals
