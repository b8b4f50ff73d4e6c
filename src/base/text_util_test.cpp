#include "base/text_util.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace pals {
namespace {

using Pieces = std::vector<std::string_view>;

TEST(TextUtil, Splits) {
  EXPECT_EQ(split("a\tb\t\tc", '\t'), (Pieces{"a", "b", "", "c"}));
  EXPECT_EQ(split("", ','), (Pieces{""}));
  EXPECT_EQ(split(",", ','), (Pieces{"", ""}));
  EXPECT_EQ(split("abc", ','), (Pieces{"abc"}));
}

TEST(TextUtil, TrimsJoinsAndLowers) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(join({}, ","), "");
  EXPECT_EQ(ascii_lower("AbZ[\xC3\x84"), "abz[\xC3\x84");
}

TEST(TextUtil, SuggestsTheNearestName) {
  const std::vector<std::string> names = {"learning_rate", "train_batch_size", "seed", "cola",
                                          "sst"};
  EXPECT_EQ(nearest_name("leraning_rate", names), "learning_rate");
  EXPECT_EQ(nearest_name("Cola", names), "cola");
  EXPECT_EQ(nearest_name("sts", names), "sst");
  EXPECT_EQ(nearest_name("batchsize", names), "");
  EXPECT_EQ(nearest_name("something_else", names), "");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name("seed", {}), "");
  EXPECT_EQ(nearest_name(std::string(10'000'000, 's'), names), "");
  EXPECT_EQ(did_you_mean("sede", names), "; did you mean \"seed\"?");
  EXPECT_EQ(did_you_mean("x", names), "");
  EXPECT_EQ(did_you_mean_one_of("sede", {"seed", "size"}),
            "; did you mean \"seed\"? Known: seed, size");
  EXPECT_EQ(did_you_mean_one_of("x", {"seed", "size"}, "The names are"),
            ". The names are: seed, size");
}

TEST(TextUtil, QuotesUntrustedText) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote(std::string_view("a\"\\\n\t\0\x1b\x7f", 8)), "'a\"\\\\\\n\\t\\x00\\x1b\\x7f'");
  EXPECT_EQ(quote("\"8\""), "'\"8\"'");
  EXPECT_EQ(quote("it's"), "\"it's\"");
  EXPECT_EQ(quote("\"it's\""), "\"\\\"it's\\\"\"");
  EXPECT_EQ(quote("abcdef", 3), "\"abc...\"");
  EXPECT_EQ(quote("ab\xC3\xA9", 3), "\"ab...\"");  // not through the middle of a character
  EXPECT_EQ(quote("ab\xC3\xA9", 4), "\"ab\xC3\xA9\"");
}

TEST(TextUtil, FormatsNumbers) {
  EXPECT_EQ(format_double(0.53, 3), "0.530");
  EXPECT_EQ(format_double(-1.5, 0), "-2");
  EXPECT_EQ(format_double(std::numeric_limits<double>::max(), 2).size(), 312U);
  EXPECT_EQ(format_double(std::numeric_limits<double>::quiet_NaN(), 2), "nan");
  EXPECT_EQ(format_double(-std::numeric_limits<double>::infinity(), 2), "-inf");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

TEST(TextUtil, CountsThings) {
  EXPECT_EQ(counted(0, "row"), "0 rows");
  EXPECT_EQ(counted(1, "row"), "1 row");
  EXPECT_EQ(counted(1234, "row"), "1,234 rows");
  EXPECT_EQ(counted(1, "process", "processes"), "1 process");
  EXPECT_EQ(counted(2, "row does", "rows do"), "2 rows do");
  EXPECT_EQ(counted(-1, "row"), "-1 rows");
}

TEST(TextUtil, FormatsDurations) {
  EXPECT_EQ(format_duration(0.4), "0:00");
  EXPECT_EQ(format_duration(7), "0:07");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(750), "12:30");
  EXPECT_EQ(format_duration(11109), "3:05:09");
  EXPECT_EQ(format_duration(4 * 86400 + 11109), "4d 03:05:09");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

TEST(TextUtil, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_int("-12"), -12);
  EXPECT_EQ(parse_int("9223372036854775807"), std::numeric_limits<int64_t>::max());
  for (const char* bad : {"", " 1", "1 ", "1x", "+1", "9223372036854775808", "1.0"}) {
    EXPECT_FALSE(parse_int(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_double("2.5e-1"), 0.25);
  EXPECT_EQ(parse_double("-3"), -3.0);
  for (const char* bad : {"", " 1", "1,5", "1e999", "x"}) {
    EXPECT_FALSE(parse_double(bad).has_value()) << bad;
  }
}

TEST(WithoutFloatNoise, GivesTheShortestDecimal) {
  for (const double value : {0.0, 1.0, 3.8, -0.1, 1e-30, 123456.0, 4.75}) {
    EXPECT_EQ(without_float_noise(static_cast<double>(static_cast<float>(value))), value);
  }
  EXPECT_EQ(without_float_noise(5.0 * static_cast<double>(0.2F)), 1.0);
  EXPECT_EQ(without_float_noise(1e300), 1e300);
  EXPECT_EQ(without_float_noise(-HUGE_VAL), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(without_float_noise(std::nan(""))));
}

}  // namespace
}  // namespace pals
