#include "train/run_length.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

Json state(int64_t step, int64_t total, int64_t epoch) {
  Json saved = {{"best", Json::object()}};
  save_length({step, total, epoch}, saved);
  return Json::parse(saved.dump());
}

TEST(RunLength, ComesBackFromAState) {
  const std::optional<RunLength> length = length_of(state(8, 9, 4));
  ASSERT_TRUE(length);
  EXPECT_EQ(length->step, 8);
  EXPECT_EQ(length->total_steps, 9);
  EXPECT_EQ(length->steps_per_epoch, 4);
  EXPECT_FALSE(length->finished());
}

TEST(RunLength, KnowsWhereTheRunBecameLonger) {
  Json saved;
  save_length({.step = 12, .total_steps = 20, .steps_per_epoch = 4, .extended_at = 8}, saved);
  EXPECT_EQ(length_of(Json::parse(saved.dump()))->extended_at, 8);
  saved["extended_at"] = 13;
  EXPECT_FALSE(length_of(Json::parse(saved.dump())));
  saved["extended_at"] = "8";
  EXPECT_FALSE(length_of(saved));
  EXPECT_FALSE(state(8, 9, 4).contains("extended_at"));
}

TEST(RunLength, IsNotThereInOtherStates) {
  EXPECT_FALSE(length_of(Json()));
  EXPECT_FALSE(length_of(Json{{"step", 3}}));
  EXPECT_FALSE(length_of(Json{{"step", "3"}, {"total_steps", 3}, {"steps_per_epoch", 3}}));
  EXPECT_FALSE(length_of(state(10, 9, 4)));
  EXPECT_FALSE(length_of(state(9, 9, 0)));
  EXPECT_FALSE(length_of(state(-1, 9, 4)));
}

TEST(RunLength, AFinishedRunAloneBecomesLonger) {
  TrainOptions options;
  EXPECT_FALSE(lengthens(options, length_of(state(9, 9, 4))));
  options.max_steps = 10;
  EXPECT_TRUE(lengthens(options, length_of(state(9, 9, 4))));
  EXPECT_FALSE(lengthens(options, length_of(state(8, 9, 4))));
  EXPECT_FALSE(lengthens(options, length_of(state(10, 10, 4))));
  EXPECT_FALSE(lengthens(options, length_of(state(12, 12, 4))));
  EXPECT_FALSE(lengthens(options, std::nullopt));
  options.polish_epochs = 1;
  EXPECT_FALSE(lengthens(options, length_of(state(9, 9, 4))));
}

}  // namespace
}  // namespace pals
