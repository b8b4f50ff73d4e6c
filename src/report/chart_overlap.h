// Lines and dots of a chart that lie on each other: each is to be seen nevertheless.
#pragma once

#include <string>
#include <vector>

#include "report/series.h"

namespace pals {

/// For each of several lines, given by their places in the drawing, the first one that it lies on
/// in all of its points; itself, if it lies on none before it.
std::vector<size_t> lines_below(const std::vector<std::vector<CurvePoint>>& lines);

/// The attributes of a path by which the `number`-th of `count` lines on each other shows in its
/// turn. The first one is drawn whole, below the others.
std::string turn_of_line(size_t number, size_t count);

/// A dot of one line.
struct ChartDot {
  CurvePoint place;    ///< in the drawing
  size_t colour = 0;   ///< of the style
  std::string legend;  ///< what is said of it, escaped
};

/// Dots as SVG. Those of one place share a larger one, as its parts.
std::string dots_svg(const std::vector<ChartDot>& dots);

}  // namespace pals
