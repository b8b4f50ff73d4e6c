#include "report/comparison.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "report/test_runs.h"

namespace pals {
namespace {

using testing_runs::TestFolder;
using testing_runs::write_run;

TEST(Comparison, RunsThatDifferInTheirSeedAreOneSetting) {
  const TestFolder folder;
  std::vector<RunData> runs;
  const auto add = [&](const char* name, int right, const char* adapter, uint64_t seed) {
    const std::string path = folder.path() + "/" + name;
    write_run(path, right, 100 - right, adapter, seed);
    runs.push_back(read_run(path));
  };
  add("one-1", 60, "pals", 1);
  add("one-2", 64, "pals", 2);
  add("two-1", 90, "low_rank", 1);
  const Comparison comparison = compare_runs(runs);
  ASSERT_EQ(comparison.settings.size(), 2U);
  EXPECT_EQ(comparison.settings[0].name, "adapter pals");
  EXPECT_EQ(comparison.settings[0].runs.size(), 2U);
  EXPECT_TRUE(comparison.notes.empty());
  ASSERT_EQ(comparison.paired.size(), 1U);
  const PairedDifference& paired = comparison.paired[0];
  EXPECT_EQ(paired.pairs, 1);  // of seed 1
  EXPECT_EQ(paired.metric, "accuracy");
  EXPECT_NEAR(paired.difference, 0.3, 1e-12);
  ASSERT_TRUE(paired.interval);
  EXPECT_GT(paired.interval->low, 0.15);
  EXPECT_LT(paired.interval->high, 0.45);
  EXPECT_DOUBLE_EQ(paired.share_better, 1.0);
  const OrderedJson json = comparison_json(comparison);
  EXPECT_NEAR(json["settings"][0]["scores"]["average"]["mean"].get<double>(), 0.62, 1e-12);
  EXPECT_NEAR(json["settings"][0]["scores"]["average"]["deviation"].get<double>(), 0.0283, 1e-4);
  EXPECT_TRUE(json["settings"][1]["scores"]["average"]["deviation"].is_null());
  EXPECT_EQ(json["settings"][1]["cost"]["seconds"]["mean"], 20.0);
  const std::string page = comparison_page(runs, comparison);
  for (const char* part : {"row by row", "± 0.028", "+0.300", "Score by time", "adapter low_rank",
                           "The best mean of a row is in bold"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_NE(comparison_table(comparison).find("0.6200 ± 0.0283"), std::string::npos);
}

TEST(Comparison, RowsOfOtherContentAreNotPaired) {
  const TestFolder folder;
  std::vector<RunData> runs;
  for (const char* adapter : {"pals", "low_rank"}) {
    const std::string path = folder.path() + "/" + adapter;
    write_run(path, 30, 20, adapter, 1);
    runs.push_back(read_run(path));
  }
  runs[1].identity["data"]["content of nli's dev file"] = "another";
  Comparison comparison = compare_runs(runs);
  EXPECT_TRUE(comparison.paired.empty());
  ASSERT_EQ(comparison.notes.size(), 1U);
  EXPECT_NE(comparison.notes[0].find("different content"), std::string::npos);
  runs[0].identity = Json::object();
  comparison = compare_runs(runs);
  EXPECT_NE(comparison.notes.at(0).find("not known"), std::string::npos);
}

TEST(Comparison, RunsOverOtherDataAreNotOneSetting) {
  const TestFolder folder;
  std::vector<RunData> runs;
  for (const uint64_t seed : {1, 2}) {
    const std::string path = concat(folder.path(), "/", seed);
    write_run(path, 30, 20, "pals", seed);
    runs.push_back(read_run(path));
  }
  EXPECT_EQ(compare_runs(runs).settings.size(), 1U);
  runs[1].identity["data"]["content of nli's train file"] = "another";
  const Comparison comparison = compare_runs(runs);
  EXPECT_EQ(comparison.settings.size(), 2U);
  ASSERT_FALSE(comparison.notes.empty());
  EXPECT_NE(comparison.notes[0].find("Runs 1 and 2 have the same options"), std::string::npos);
}

TEST(Spread, IsThatOfASample) {
  EXPECT_EQ(spread_of({}).count, 0);
  EXPECT_DOUBLE_EQ(spread_of({2.0}).deviation, 0.0);
  const Spread spread = spread_of({1.0, 3.0});
  EXPECT_DOUBLE_EQ(spread.mean, 2.0);
  EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt(2.0));
}

}  // namespace
}  // namespace pals
