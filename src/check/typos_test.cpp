#include "check/typos.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

TEST(Typos, OneLetterOrTwoThatChangedPlaces) {
  EXPECT_TRUE(is_slip_of("postive", "positive"));
  EXPECT_TRUE(is_slip_of("neutrall", "neutral"));
  EXPECT_TRUE(is_slip_of("spart", "sport"));
  EXPECT_TRUE(is_slip_of("B-PRE", "B-PER"));
  EXPECT_FALSE(is_slip_of("positive", "positive"));
  EXPECT_FALSE(is_slip_of("positive", "negative"));
  EXPECT_FALSE(is_slip_of("B-PER", "I-PER"));
  EXPECT_FALSE(is_slip_of("yes", "yet"));
  EXPECT_FALSE(is_slip_of("class1", "class2"));
  EXPECT_FALSE(is_slip_of("1", "2"));
  EXPECT_FALSE(is_slip_of("", "a"));
}

TEST(Typos, OfRareLabelsAndFrequentOnes) {
  const std::vector<std::string> labels = {"negative", "positive", "postive", "sport", "spots"};
  const std::vector<LabelTypo> typos = find_typos(labels, {100, 100, 1, 9, 1});
  ASSERT_EQ(typos.size(), 1U);
  EXPECT_EQ(typos[0].label, 2U);
  EXPECT_EQ(typos[0].meant, 1U);
}

}  // namespace
}  // namespace pals
