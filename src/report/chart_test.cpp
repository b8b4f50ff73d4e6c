#include "report/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/html.h"

namespace pals {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Html, EscapesWhateverComesFromOutside) {
  EXPECT_EQ(html_text("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(html_text("a\xff\x01z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(html_text("äöü", 2), "äö…");
  EXPECT_EQ(breakable_text("not_entailment"), "not_entailment");
  EXPECT_EQ(breakable_text("science_and_<i>"), "science_&#8203;and_&#8203;&lt;i&gt;");
  EXPECT_EQ(html_text("äö", 2), "äö");
}

TEST(Html, FiguresForReaders) {
  EXPECT_EQ(figure_text(0.12345), "0.123");
  EXPECT_EQ(figure_text(std::nan("")), "–");
  EXPECT_EQ(percent_text(0.5), "50.0 %");
  EXPECT_EQ(short_count(1234567), "1.2 M");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(seconds_text(75), "1 min 15 s");
  EXPECT_EQ(seconds_text(7260), "2 h 1 min");
  EXPECT_EQ(seconds_text(-1), "–");
}

TEST(Chart, TicksAreRound) {
  EXPECT_EQ(round_ticks(0.0, 10.0, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(0.1, 0.95, 4).size(), 4U);
  EXPECT_EQ(round_ticks(1.0, 1.0, 4), std::vector<double>{1.0});
  EXPECT_EQ(round_ticks(0.0, kInfinity, 4), std::vector<double>{0.0});
}

TEST(Chart, LeavesOutWhatIsNotFinite) {
  const ChartAxes axes{.about = "a & b", .x_name = "step"};
  const std::string chart = line_chart(
      axes,
      {{.name = "one", .points = {{0, 1}, {1, std::nan("")}, {2, kInfinity}, {3, 2}}, .dots = true},
       {.name = "<two>", .points = {{1, 1e300}}}});
  EXPECT_EQ(chart.find("nan"), std::string::npos);
  EXPECT_EQ(chart.find("inf"), std::string::npos);
  EXPECT_NE(chart.find("a &amp; b"), std::string::npos);
  EXPECT_NE(chart.find("&lt;two&gt;"), std::string::npos);
  EXPECT_EQ(line_chart(axes, {}).find("<svg"), std::string::npos);
  EXPECT_EQ(scatter_chart(axes, {{std::nan(""), 1}}).find("<svg"), std::string::npos);
  EXPECT_NE(scatter_chart(axes, {{1, 1}, {1, 1}}).find("<circle"), std::string::npos);
  EXPECT_EQ(share_chart("x", {{"a", 0.0, "0"}}).find("<svg"), std::string::npos);
  EXPECT_NE(bar_chart(axes, {{0, 1, 2}, {1, 2, kInfinity}}).find("<rect"), std::string::npos);
}

/// How often a text holds another one.
size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Chart, LinesOnEachOtherAreAllSeen) {
  const std::vector<CurvePoint> even = {{1, 0.25}, {2, 0.25}}, nearly = {{1, 0.25}, {2, 0.2501}},
                                other = {{1, 0.5}, {2, 0.25}};
  const std::string chart =
      line_chart({.about = "a", .x_name = "epoch", .y_least = 0.0},
                 {{.name = "a", .points = even, .colour = 0, .dots = true},
                  {.name = "<b>", .points = nearly, .colour = 1, .dots = true},
                  {.name = "c", .points = other, .colour = 2, .dots = true},
                  {.name = "d", .points = even, .colour = 3, .dots = true}});
  EXPECT_EQ(count_of(chart, "class=\"l k"), 4U);
  // The second and third of three take turns above the first; the other line is whole.
  EXPECT_EQ(count_of(chart, "stroke-dasharray=\"9 18\""), 2U);
  EXPECT_EQ(count_of(chart, "stroke-dashoffset=\"-9\""), 1U);
  EXPECT_EQ(count_of(chart, "stroke-dashoffset=\"-18\""), 1U);
  // At 1 three dots share a place, at 2 all four do; each has its legend.
  EXPECT_EQ(count_of(chart, "<circle"), 1U);
  EXPECT_EQ(count_of(chart, "<path class=\"f"), 7U);
  EXPECT_EQ(count_of(chart, "<title>"), 8U);
  EXPECT_NE(chart.find("The same values: a, &lt;b&gt;, d."), std::string::npos) << chart;
}

TEST(Chart, ManyLinesOnEachOtherHaveNoDots) {
  std::vector<ChartLine> lines;
  for (size_t i = 0; i < 8; ++i) {
    lines.push_back({.name = "t", .points = {{1, 1}, {2, 1}, {3, 1}}, .colour = i, .dots = true});
  }
  EXPECT_EQ(count_of(line_chart({.about = "a", .x_name = "epoch"}, lines), "<title>"), 24U);
  for (ChartLine& line : lines) line.points.push_back({4, 1});
  EXPECT_EQ(count_of(line_chart({.about = "a", .x_name = "epoch"}, lines), "<title>"), 0U);
}

TEST(Chart, BetweenWholeNumbersAreNoTicks) {
  const std::string chart = line_chart({.about = "a", .x_name = "epoch", .y_least = 0.0},
                                       {{.name = "a", .points = {{1, 4}, {2, 5}, {3, 4}}}});
  EXPECT_EQ(count_of(chart, "text-anchor=\"middle\">"), 3U) << chart;
  EXPECT_NE(chart.find(">2</text>"), std::string::npos) << chart;
}

TEST(Chart, LinesApartAreAsEver) {
  const std::string chart =
      line_chart({.about = "a", .x_name = "step"}, {{.name = "a", .points = {{1, 1}, {2, 2}}},
                                                    {.name = "b", .points = {{1, 1}, {2, 3}}},
                                                    {.name = "none"},
                                                    {.name = "nor here"}});
  EXPECT_EQ(chart.find("stroke-dash"), std::string::npos);
  EXPECT_EQ(chart.find("The same values"), std::string::npos);
}

TEST(Chart, ASeriesOfAnyLengthIsShort) {
  Series series;
  for (int i = 0; i < 100'000; ++i) series.add(i, 3.0);
  EXPECT_EQ(series.count(), 100'000);
  const std::vector<CurvePoint> points = series.points();
  EXPECT_LE(points.size(), Series::kMostRuns);
  EXPECT_GE(points.size(), Series::kMostRuns / 2 - 1);
  EXPECT_DOUBLE_EQ(points.front().y, 3.0);
  EXPECT_LT(points.front().x, points.back().x);
}

}  // namespace
}  // namespace pals
