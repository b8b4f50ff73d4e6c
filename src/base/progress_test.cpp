#include "base/progress.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace pals {
namespace {

const std::string kUp = "\r\x1b[1A";  // to a line that stands there
const std::string kEnd = "\x1b[K\n";
const std::string kBelow = "\x1b[J";

/// A Progress under a clock that the test sets, writing to a string.
class ProgressTest : public testing::Test {
 protected:
  ProgressOptions options(bool terminal) {
    ProgressOptions made;
    made.label = "train";
    made.total = 100;
    made.terminal = terminal;
    made.window = [this] { return window_; };
    made.clock = [this] { return now_; };
    made.output = [this](std::string_view text) { shown_ += text; };
    return made;
  }
  std::string take() { return std::exchange(shown_, ""); }

  double now_ = 1000.0;
  WindowSize window_{.columns = 100, .rows = 30};
  std::string shown_;
};

TEST_F(ProgressTest, RewritesOneLineOnATerminal) {
  Progress progress(options(true));
  now_ += 2.0;
  progress.update(25, "loss 0.53");
  EXPECT_EQ(take(),
            "train  [#####...............]  25%  25/100 steps  12.5 steps/s  0:06 left  loss 0.53" +
                kEnd + kBelow);
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
            kUp +
                "train  [####################]  100%  100/100 steps  12.3 steps/s  in 0:08  "
                "loss 0.49" +
                kEnd + kBelow);
  progress.update(5);
  progress.finish();
  EXPECT_EQ(take(), "");
}

TEST_F(ProgressTest, FitsTheLineToTheTerminal) {
  window_.columns = 30;
  Progress progress(options(true));
  progress.update(25);
  EXPECT_EQ(take(), "train  25%  25/100 steps" + kEnd + kBelow);
  now_ += 1.0;
  progress.update(25, "a longer suffix");
  EXPECT_EQ(take(), kUp + "train  25%  25/100 steps" + kEnd + kBelow) << "a number was cut";
  window_.columns = 4;
  now_ += 1.0;
  progress.update(25);
  EXPECT_TRUE(take().ends_with("tra" + kEnd + kBelow));
}

TEST_F(ProgressTest, ShowsLinesAboveTheBar) {
  ProgressOptions with_lines = options(true);
  int asked = 0, most = 0;
  with_lines.details = [&](WindowSize room, double seconds) {
    ++asked;
    most = room.rows;
    EXPECT_EQ(room.columns, window_.columns - 1);
    return ProgressDetails{.lines = {"rte", "sst " + std::string(200, 'x')},
                           .suffix = "after " + std::to_string(static_cast<int>(seconds))};
  };
  window_ = {.columns = 20, .rows = 10};
  Progress progress(with_lines);
  now_ += 2.0;
  progress.update(25, "loss 0.53");
  EXPECT_EQ(most, 6);
  const std::string cut = "sst " + std::string(15, 'x');
  EXPECT_EQ(take(), "rte" + kEnd + cut + kEnd + "train  25%" + kEnd + kBelow);
  progress.update(26);
  EXPECT_EQ(asked, 1) << "asked without a draw";
  log_line("said");
  EXPECT_EQ(asked, 1) << "asked by whoever logs";
  EXPECT_EQ(take(),
            "\r\x1b[3A" + kBelow + "said\nrte" + kEnd + cut + kEnd + "train  26%" + kEnd + kBelow);
  // What stood there is wrapped by a window that became narrower: 1 + 3 + 2 rows of 8.
  window_ = {.columns = 8, .rows = 3};
  now_ += 1.0;
  progress.update(27);
  EXPECT_EQ(most, 1);
  EXPECT_TRUE(take().starts_with("\r\x1b[6A")) << "the window's width is that of the draw";
  window_ = {.columns = 200, .rows = 30};
  progress.finish();
  EXPECT_TRUE(take().ends_with("in 0:03  after 3" + kEnd + kBelow));
}

TEST_F(ProgressTest, OfALowWindowLinesTakeAllButTheBarAndTheCursor) {
  ProgressOptions with_lines = options(true);
  int most = -1;
  with_lines.details = [&](WindowSize room, double) {
    most = room.rows;
    return ProgressDetails();
  };
  Progress progress(with_lines);
  for (const auto& [rows, left] :
       {std::pair{1, 0}, std::pair{2, 0}, std::pair{3, 1}, std::pair{4, 2}, std::pair{7, 5},
        std::pair{8, 4}, std::pair{24, 20}}) {
    window_.rows = rows;
    now_ += 1.0;
    progress.update(25);
    EXPECT_EQ(most, left) << rows;
  }
}

TEST_F(ProgressTest, NamesOneUnitWhereItIsSlow) {
  for (const auto& [unit, one] : {std::pair{"steps", "step"}, std::pair{"batches", "batch"},
                                  std::pair{"rows", "row"}, std::pair{"sheep", "sheep"}}) {
    ProgressOptions slow = options(false);
    slow.unit = unit;
    Progress progress(slow);
    now_ += 20.0;
    progress.update(10);
    EXPECT_NE(take().find(concat("2.0 s/", one, " ")), std::string::npos) << unit;
  }
}

TEST_F(ProgressTest, ShowsNoLinesElsewhere) {
  ProgressOptions with_lines = options(false);
  with_lines.details = [](WindowSize, double) -> ProgressDetails {
    throw std::logic_error("asked");
  };
  Progress progress(with_lines);
  now_ += 10.0;
  progress.update(20, "loss 0.53");
  EXPECT_EQ(take(), "train  20%  20/100 steps  2.0 steps/s  0:40 left  loss 0.53\n");
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
  EXPECT_EQ(take(), kUp + kBelow + "loaded 3 files\n" + line);
  log_warning("no GPU");
  EXPECT_EQ(take(), kUp + kBelow + "warning: no GPU\n" + line);
}

TEST_F(ProgressTest, InnerOnesTakeTheLine) {
  Progress outer(options(true));
  outer.update(25);
  take();
  {
    ProgressOptions inner_options = options(true);
    inner_options.label = "evaluate";
    Progress inner(inner_options);
    EXPECT_EQ(take(), kUp + kBelow);
    inner.update(50);
    EXPECT_NE(take().find("evaluate"), std::string::npos);
    now_ += 1.0;
    outer.update(26);
    EXPECT_EQ(take(), "");
  }
  EXPECT_TRUE(take().ends_with(kEnd + kBelow));
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
