#include "base/log_sink.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/log.h"
#include "base/progress.h"

namespace pals {
namespace {

TEST(LogSink, TakesLinesInPlaceOfStderr) {
  std::vector<std::string> lines;
  testing::internal::CaptureStderr();
  log_info("before");
  {
    const LogSink sink([&](const std::string& line) { lines.push_back(line); });
    log_info("one");
    {
      const LogSink inner([&](const std::string& line) { lines.push_back("inner " + line); });
      log_warning("two");
      const LogSink none(nullptr);
      log_info("three");
    }
    log_info("four");
  }
  log_info("after");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "before\nafter\n");
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "inner warning: two", "inner three", "four"}));
}

TEST(LogSink, KeepsProgressOffStderr) {
  testing::internal::CaptureStderr();
  {
    const LogSink sink([](const std::string& /*line*/) {});
    EXPECT_TRUE(log_has_sink());
    Progress progress({.label = "train", .total = 2, .line_interval = 0.0});
    progress.update(1);
    progress.finish();
  }
  EXPECT_FALSE(log_has_sink());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pals
