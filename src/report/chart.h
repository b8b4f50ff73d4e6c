// Charts as SVG that takes its colours from the page's style, so that it fits light and dark.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/series.h"

namespace pals {

/// As many colours as the style has: --c0, --c1, ...
inline constexpr size_t kChartColours = 8;

/// One curve of a chart.
struct ChartLine {
  std::string name;
  std::vector<CurvePoint> points;
  size_t colour = 0;
  bool dots = false;    ///< mark each point
  bool joined = true;   ///< by a line
  bool dashed = false;  ///< something to compare with
};

struct ChartAxes {
  std::string about;  ///< for who cannot see it
  std::string x_name, y_name;
  std::optional<double> y_least = {}, y_most = {};  ///< at least this far
  std::optional<double> x_least = {}, x_most = {};
  bool log_y = false;
};

/// Curves over a common axis, with a legend if there are several. Those that lie on each other take
/// turns, and are named. Points that are not finite are
/// left out; a chart without points says so.
std::string line_chart(const ChartAxes& axes, const std::vector<ChartLine>& lines);

/// Given values across, predicted ones up, with the diagonal; of many points a part.
std::string scatter_chart(const ChartAxes& axes, const std::vector<CurvePoint>& points);

/// One bar.
struct ChartBar {
  double from = 0.0, to = 0.0;  ///< on the x axis
  double height = 0.0;
};

/// Bars that stand on a continuous axis.
std::string bar_chart(const ChartAxes& axes, const std::vector<ChartBar>& bars,
                      const std::vector<ChartLine>& lines = {});

/// A part of a whole.
struct Share {
  std::string name;
  double amount = 0.0;
  std::string text;  ///< the amount for a reader
};

/// Parts of a whole as one bar and a table beneath.
std::string share_chart(const std::string& about, const std::vector<Share>& shares);

/// Round numbers that divide [low, high] into about `count` parts, in order.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace pals
