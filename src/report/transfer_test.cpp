#include "report/transfer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "report/test_runs.h"
#include "report/transfer_charts.h"

namespace pals {
namespace {

using testing_runs::TestFolder;
using testing_runs::write_run;

RunData run_of(const TestFolder& folder, const std::string& name, int right, uint64_t seed) {
  const std::string path = folder.path() + "/" + name;
  write_run(path, right, 100 - right, "pals", seed);
  return read_run(path);
}

/// Seeds of a task whose figures, alone and together, are these shares of 100 rows.
std::vector<TransferSeed> seeds_of(const TestFolder& folder,
                                   const std::vector<std::pair<int, int>>& right) {
  std::vector<TransferSeed> seeds;
  for (const auto& [alone, joint] : right) {
    TransferSeed& seed = seeds.emplace_back();
    seed.seed = seeds.size();
    seed.joint = run_of(folder, concat("joint-", seed.seed), joint, seed.seed);
    seed.alone.emplace("nli", run_of(folder, concat("alone-nli-", seed.seed), alone, seed.seed));
  }
  return seeds;
}

TEST(Transfer, OneSeedHasNoIntervalOverSeeds) {
  const TestFolder folder;
  const std::vector<TransferSeed> seeds = seeds_of(folder, {{60, 90}});
  const Transfer transfer = compare_transfer({"nli"}, seeds);
  EXPECT_EQ(transfer.seeds, std::vector<uint64_t>{1});
  EXPECT_TRUE(transfer.notes.empty());
  ASSERT_EQ(transfer.rows.size(), 1U);
  const TransferRow& row = transfer.rows[0];
  EXPECT_EQ(row.metric, "accuracy");
  EXPECT_NEAR(row.difference().mean, 0.3, 1e-12);
  EXPECT_NEAR(row.last_difference().mean, 0.3, 1e-12);
  EXPECT_FALSE(row.seeds);
  ASSERT_TRUE(row.rows && row.rows->interval);
  EXPECT_GT(row.rows->interval->low, 0.15);
  EXPECT_EQ(row.effect(), TransferEffect::kGains);
  const OrderedJson json = transfer_json(transfer);
  EXPECT_TRUE(json["rows"][0]["difference"]["interval"].is_null());
  EXPECT_TRUE(json["rows"][0]["difference"]["deviation"].is_null());
  EXPECT_EQ(json["rows"][0]["effect"], "gains");
  EXPECT_TRUE(json["gradients"].is_null());
  const std::string text = transfer_text(transfer);
  for (const char* part : {"1 seed (1): no spread", "+0.3000", "gains", "over dev rows"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("Student"), std::string::npos);
}

TEST(Transfer, SeveralSeedsTellHowFarTheyDiffer) {
  const TestFolder folder;
  const std::vector<TransferSeed> seeds = seeds_of(folder, {{90, 60}, {90, 61}, {90, 62}});
  const Transfer transfer = compare_transfer({"nli"}, seeds);
  ASSERT_EQ(transfer.rows.size(), 1U);
  const TransferRow& row = transfer.rows[0];
  EXPECT_NEAR(row.difference().mean, -0.29, 1e-12);
  EXPECT_NEAR(row.difference().deviation, 0.01, 1e-12);
  ASSERT_TRUE(row.seeds);
  EXPECT_NEAR(row.seeds->high, -0.29 + 4.3027 * 0.01 / std::sqrt(3.0), 1e-6);
  EXPECT_EQ(row.rows->pairs, 3);
  EXPECT_EQ(row.effect(), TransferEffect::kLoses);
  const std::string text = transfer_text(transfer);
  for (const char* part : {"3 seeds (1, 2, 3)", "-0.2900 ± 0.0100", "loses", "Student"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Transfer, SeedsThatDisagreeLeaveItOpen) {
  const TestFolder folder;
  const std::vector<TransferSeed> seeds = seeds_of(folder, {{60, 90}, {70, 70}});
  EXPECT_EQ(compare_transfer({"nli"}, seeds).rows.at(0).effect(), TransferEffect::kOpen);
}

TEST(Transfer, AnErrorThatFallsIsAGain) {
  TransferRow row{.task = "sts", .metric = "rmse", .is_error = true};
  EXPECT_FALSE(row.effect());
  row.seeds = Interval{-0.3, -0.1};
  EXPECT_EQ(row.effect(), TransferEffect::kGains);
  row.rows = PairedDifference{.interval = Interval{-0.2, 0.1}};
  EXPECT_EQ(row.effect(), TransferEffect::kOpen);
}

TEST(Transfer, WhatIsMissingIsSaid) {
  const TestFolder folder;
  std::vector<TransferSeed> seeds = seeds_of(folder, {{60, 90}, {60, 80}});
  seeds[1].alone.clear();
  const Transfer transfer = compare_transfer({"nli"}, seeds);
  EXPECT_EQ(transfer.seeds, std::vector<uint64_t>{1});
  ASSERT_EQ(transfer.notes.size(), 1U);
  EXPECT_NE(transfer.notes[0].find("seed 2"), std::string::npos);
  EXPECT_EQ(transfer.rows.at(0).best.size(), 1U);
  seeds[0].alone.clear();
  const Transfer empty = compare_transfer({"nli"}, seeds);
  EXPECT_TRUE(empty.rows.at(0).best.empty());
  EXPECT_NE(transfer_text(empty).find("nli"), std::string::npos);
  EXPECT_FALSE(transfer_page(empty, seeds).empty());
  EXPECT_TRUE(compare_transfer({"nli"}, {}).rows.empty());
}

GradientRecord gradients_of(double cosine, std::optional<double> half) {
  return {.step = 4,
          .batches = 8,
          .parameters = 1234,
          .tasks = {"nli", "<b>"},
          .cosines = {{1.0, cosine}, {cosine, 1.0}},
          .halves = {half, 0.5},
          .norms = {2.0, 3.0}};
}

TEST(Transfer, CosinesAreMeansOverSeeds) {
  const TestFolder folder;
  std::vector<TransferSeed> seeds = seeds_of(folder, {{60, 90}, {60, 80}});
  seeds[0].gradients = gradients_of(-0.5, std::nullopt);
  seeds[1].gradients = gradients_of(-0.25, 0.75);
  const Transfer transfer = compare_transfer({"nli", "<b>"}, seeds);
  ASSERT_TRUE(transfer.gradients);
  EXPECT_DOUBLE_EQ(transfer.gradients->cosines[0][1].mean, -0.375);
  EXPECT_EQ(transfer.gradients->halves[0].count, 1);
  const OrderedJson json = transfer_json(transfer);
  EXPECT_EQ(json["gradients"]["cosines"][1][0], -0.375);
  EXPECT_EQ(json["gradients"]["halves"][0], 0.75);
  EXPECT_NE(transfer_text(transfer).find("1,234 shared parameters"), std::string::npos);
  const std::string page = transfer_page(transfer, seeds);
  for (const char* part : {"-0.38", "(0.75)", "--wrong", "&lt;b&gt;", "Not all runs of seed 1"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

TEST(TransferCharts, ShowWhatThereIs) {
  const std::string pairs = pair_chart("about", "score", {"alone", "joint"},
                                       {{"rte", {0.5, 0.6}, {0.7}}, {"sst", {}, {}}});
  EXPECT_NE(pairs.find("rte, alone, mean: 0.5500"), std::string::npos);
  EXPECT_NE(pairs.find("rte, joint: 0.7000"), std::string::npos);
  EXPECT_NE(pair_chart("about", "score", {"a", "b"}, {}).find("Nothing"), std::string::npos);
  const std::string reaches =
      reach_chart("about", "difference", {{"rte", 0.1, Interval{-0.05, 0.25}, 2}, {"sst", NAN}});
  EXPECT_NE(reaches.find("0.1000, -0.0500 to 0.2500"), std::string::npos);
  for (const std::string& chart : {pairs, reaches}) {
    EXPECT_EQ(chart.find("nan"), std::string::npos) << chart;
    EXPECT_EQ(chart.find("inf"), std::string::npos) << chart;
  }
  const std::string map = heat_map("cosine", {"a", "b"}, {{0.9, -0.2}, {-0.2, std::nullopt}});
  for (const char* part : {"(0.90)", "class=\"s\"", ">-0.20<", "(–)", "two halves of a"}) {
    EXPECT_NE(map.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace pals
