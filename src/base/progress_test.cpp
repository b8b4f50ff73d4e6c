#include "base/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/log.h"

namespace pals {
namespace {

constexpr const char* kClear = "\r\x1b[K";

/// A Progress under a clock that the test sets, writing to a string.
class ProgressTest : public testing::Test {
 protected:
  ProgressOptions options(bool terminal) {
    ProgressOptions made;
    made.label = "train";
    made.total = 100;
    made.terminal = terminal;
    made.width = 100;
    made.clock = [this] { return now_; };
    made.output = [this](std::string_view text) { shown_ += text; };
    return made;
  }
  std::string take() { return std::exchange(shown_, ""); }

  double now_ = 1000.0;
  std::string shown_;
};

TEST_F(ProgressTest, RewritesOneLineOnATerminal) {
  Progress progress(options(true));
  now_ += 2.0;
  progress.update(25, "loss 0.53");
  EXPECT_EQ(take(),
            std::string(kClear) +
                "train  [#####...............]  25%  25/100 steps  12.5 steps/s  0:06 left  "
                "loss 0.53");
  now_ += 0.1;
  progress.update(26);
  EXPECT_EQ(take(), "") << "drawn more than 5 times a second";
  now_ += 6.0;
  progress.update(99, "loss 0.50");
  take();
  now_ += 0.05;
  progress.advance(1, "loss 0.49");
  EXPECT_EQ(progress.done(), 100U);
  EXPECT_EQ(take(), "");
  progress.finish();
  EXPECT_EQ(take(),
            std::string(kClear) +
                "train  [####################]  100%  100/100 steps  12.3 steps/s  in 0:08  "
                "loss 0.49\n");
  progress.update(5);
  progress.finish();
  EXPECT_EQ(take(), "");
}

TEST_F(ProgressTest, FitsTheLineToTheTerminal) {
  ProgressOptions narrow = options(true);
  narrow.width = 30;
  Progress progress(narrow);
  progress.update(25);
  EXPECT_EQ(take(), std::string(kClear) + "train  25%  25/100 steps");
  now_ += 1.0;
  progress.update(25, "a longer suffix");
  EXPECT_EQ(take(), std::string(kClear) + "train  25%  25/100 steps  25.");
}

TEST_F(ProgressTest, WritesLinesAtIntervalsElsewhere) {
  Progress progress(options(false));
  now_ += 9.0;
  progress.update(10);
  EXPECT_EQ(take(), "");
  now_ += 1.0;
  progress.update(20, "loss 0.53");
  EXPECT_EQ(take(), "train  20%  20/100 steps  2.0 steps/s  0:40 left  loss 0.53\n");
  now_ += 9.0;
  progress.update(30);
  EXPECT_EQ(take(), "");
  progress.finish();
  EXPECT_EQ(take(), "train  30%  30/100 steps  1.6 steps/s  in 0:19\n");
}

TEST_F(ProgressTest, LeavesEarlierStepsOutOfTheRate) {
  ProgressOptions resumed = options(false);
  resumed.initial = 50;
  Progress progress(resumed);
  now_ += 10.0;
  progress.update(60);
  EXPECT_EQ(take(), "train  60%  60/100 steps  1.0 steps/s  0:40 left\n");
}

TEST_F(ProgressTest, WorksWithoutATotalAndForSlowSteps) {
  ProgressOptions open = options(false);
  open.total = 0;
  open.unit = "lines";
  Progress progress(open);
  now_ += 10.0;
  progress.update(5);
  EXPECT_EQ(take(), "train  5 lines  2.0 s/line\n");
  now_ += 10.0;
  progress.update(123'456);
  EXPECT_EQ(take(), "train  123,456 lines  6,173 lines/s\n");
}

TEST_F(ProgressTest, IsSilentWhenQuiet) {
  ProgressOptions quiet = options(true);
  quiet.quiet = true;
  {
    Progress progress(quiet);
    now_ += 100.0;
    progress.update(50);
    EXPECT_EQ(progress.done(), 50U);
  }
  set_quiet(true);
  {
    Progress progress(options(true));
    now_ += 100.0;
    progress.update(50);
  }
  set_quiet(false);
  EXPECT_EQ(take(), "");
}

TEST_F(ProgressTest, MessagesGoAboveTheLine) {
  Progress progress(options(true));
  log_line("before");
  EXPECT_EQ(take(), "before\n");
  progress.update(25);
  const std::string line = take();
  log_info("loaded ", 3, " files");
  EXPECT_EQ(take(), std::string(kClear) + "loaded 3 files\n" + line);
  log_warning("no GPU");
  EXPECT_EQ(take(), std::string(kClear) + "warning: no GPU\n" + line);
}

TEST_F(ProgressTest, InnerOnesTakeTheLine) {
  Progress outer(options(true));
  outer.update(25);
  take();
  {
    ProgressOptions inner_options = options(true);
    inner_options.label = "evaluate";
    Progress inner(inner_options);
    EXPECT_EQ(take(), kClear);
    inner.update(50);
    EXPECT_NE(take().find("evaluate"), std::string::npos);
    now_ += 1.0;
    outer.update(26);
    EXPECT_EQ(take(), "");
  }
  EXPECT_EQ(take().back(), '\n');
  now_ += 1.0;
  outer.update(27);
  EXPECT_NE(take().find("train"), std::string::npos);
}

TEST(Log, QuietSilencesInformationOnly) {
  set_quiet(true);
  testing::internal::CaptureStderr();
  log_info("hidden");
  log_warning("shown");
  set_quiet(false);
  log_info("also shown");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: shown\nalso shown\n");
}

}  // namespace
}  // namespace pals
