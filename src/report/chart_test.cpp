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
