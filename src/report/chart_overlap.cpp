#include "report/chart_overlap.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

// In units of the drawing.
constexpr double kNear = 1.0, kTurn = 9.0, kRadius = 2.5, kSharedRadius = 4.2;

bool is_near(const CurvePoint& one, const CurvePoint& other) {
  return std::abs(one.x - other.x) < kNear && std::abs(one.y - other.y) < kNear;
}

std::string number(double value) { return format_double(value, 1); }

std::string at_angle(const CurvePoint& middle, double share) {
  const double angle = (2.0 * share - 0.5) * std::numbers::pi;
  return concat(format_double(middle.x + kSharedRadius * std::cos(angle), 2), " ",
                format_double(middle.y + kSharedRadius * std::sin(angle), 2));
}

/// One dot, or dots of one place as sectors of a larger one.
std::string one_place(const std::vector<const ChartDot*>& dots) {
  const CurvePoint& middle = dots.front()->place;
  std::string out;
  for (size_t i = 0; i < dots.size(); ++i) {
    const std::string title = concat("><title>", dots[i]->legend, "</title>");
    if (dots.size() == 1) {
      out += concat("<circle class=\"f", dots[i]->colour, "\" cx=\"", number(middle.x), "\" cy=\"",
                    number(middle.y), "\" r=\"", number(kRadius), "\"", title, "</circle>");
      continue;
    }
    const auto share = [&](size_t part) {
      return static_cast<double>(part) / static_cast<double>(dots.size());
    };
    out += concat("<path class=\"f", dots[i]->colour, "\" d=\"M", number(middle.x), " ",
                  number(middle.y), "L", at_angle(middle, share(i)), "A", number(kSharedRadius),
                  " ", number(kSharedRadius), " 0 0 1 ", at_angle(middle, share(i + 1)), "Z\"",
                  title, "</path>");
  }
  return out;
}

}  // namespace

std::vector<size_t> lines_below(const std::vector<std::vector<CurvePoint>>& lines) {
  std::vector<size_t> below(lines.size());
  std::iota(below.begin(), below.end(), size_t{0});
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t first = 0; first < i && !lines[i].empty(); ++first) {
      if (below[first] != first) continue;
      if (!std::ranges::equal(lines[first], lines[i], is_near)) continue;
      below[i] = first;
      break;
    }
  }
  return below;
}

std::string turn_of_line(size_t number, size_t count) {
  if (number == 0 || count < 2) return "";
  const double others = kTurn * static_cast<double>(count - 1);
  return concat(" stroke-dasharray=\"", kTurn, " ", others, "\" stroke-dashoffset=\"",
                -kTurn * static_cast<double>(number), "\"");
}

std::string dots_svg(const std::vector<ChartDot>& dots) {
  std::map<double, std::vector<std::vector<const ChartDot*>>> places;  // by x
  for (const ChartDot& dot : dots) {
    auto& column = places[dot.place.x];
    const auto found = std::ranges::find_if(
        column, [&](const auto& group) { return is_near(group.front()->place, dot.place); });
    if (found == column.end()) {
      column.push_back({&dot});
    } else {
      found->push_back(&dot);
    }
  }
  std::string out;
  for (const auto& [x, column] : places) {
    for (const auto& group : column) out += one_place(group);
  }
  return out;
}

}  // namespace pals
