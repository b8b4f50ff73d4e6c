#include "train/stop_notice.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

TEST(StopNotice, SaysWhatBecomesOfTheRun) {
  for (const Name<RunPart>& part : kRunParts) {
    for (const bool alone : {false, true}) {
      const std::string text = stop_notice(part.value, true, alone);
      EXPECT_TRUE(text.starts_with("stopping ")) << part.text;
      EXPECT_TRUE(text.ends_with("a second signal ends the process at once")) << part.text;
    }
  }
  EXPECT_TRUE(stop_notice(RunPart::kSteps, true, true).starts_with("stopping after this step,"));
  EXPECT_TRUE(stop_notice(RunPart::kEvaluation, true, true).starts_with("stopping in this eval"));
  EXPECT_TRUE(stop_notice(RunPart::kEvaluation, true, false).starts_with("stopping after this e"));
  EXPECT_TRUE(stop_notice(RunPart::kEvaluation, false, true).starts_with("stopping;"));
}

}  // namespace
}  // namespace pals
