#include "step_report.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace pals::bench {
namespace {

std::vector<StepTiming> two_steps() {
  return {{"mnli", 1000, {8.0, 2.0, 1.0}, {1.0, 1.1, 1.2}},
          {"cola", 500, {8.0, 1.0, 0.5}, {0.6, 0.7, 0.8}}};
}

TEST(StepReport, RatiosAreOfTotals) {
  EXPECT_DOUBLE_EQ(time_ratio(two_steps(), kOursFp32), 16.0 / 3.0);
  EXPECT_DOUBLE_EQ(time_ratio(two_steps(), kOursBf16), 16.0 / 1.5);
  EXPECT_DOUBLE_EQ(time_ratio(two_steps(), kEager), 1.0);
}

TEST(StepReport, QuartilesInterpolate) {
  const Quartiles five = quartiles({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(five.low, 2);
  EXPECT_DOUBLE_EQ(five.median, 3);
  EXPECT_DOUBLE_EQ(five.high, 4);
  EXPECT_DOUBLE_EQ(quartiles({1, 2}).low, 1.25);
  EXPECT_DOUBLE_EQ(quartiles({7}).high, 7);
}

TEST(StepReport, JsonIsOneLineWithTheNamesOthersRead) {
  StepSettings settings;
  settings.isa = "avx512_bf16";
  const std::string text = step_json(two_steps(), settings);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const Json json = parse_json(text, "report");
  EXPECT_NEAR(json.at("ratio_fp32").get<double>(), 5.3333, 1e-9);
  EXPECT_NEAR(json.at("ratio_bf16").get<double>(), 10.6667, 1e-9);
  EXPECT_EQ(json.at("isa"), "avx512_bf16");
  EXPECT_NEAR(json.at("step_seconds").at("eager").get<double>(), 8.0, 1e-9);
  EXPECT_NEAR(json.at("step_seconds").at("bf16").get<double>(), 0.75, 1e-9);
  EXPECT_NEAR(json.at("tokens_per_second").at("fp32").get<double>(), 500.0, 1e-9);
  EXPECT_EQ(json.at("spread").at("ratio_bf16").size(), 3U);
}

}  // namespace
}  // namespace pals::bench
