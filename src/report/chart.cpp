#include "report/chart.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart_overlap.h"
#include "report/html.h"

namespace pals {
namespace {

// In units of the SVG's own system; the page scales it.
constexpr double kWidth = 420, kHeight = 230, kLeft = 46, kRight = 12, kTop = 10, kBottom = 34;
constexpr size_t kMostDots = 600, kMostOfPath = 400, kMostMarked = 60, kMostShared = 24;

// Such that differences are numbers, too.
bool is_usable(double value) { return std::isfinite(value) && std::abs(value) < 1e300; }

bool is_usable(const CurvePoint& point) { return is_usable(point.x) && is_usable(point.y); }

std::string place(double value) { return format_double(value, 1); }

/// Values to places.
struct Scale {
  double low = 0.0, high = 1.0, from = 0.0, to = 1.0;
  bool log = false;

  double operator()(double value) const {
    const auto warp = [this](double v) { return log ? std::log10(std::max(v, 1e-12)) : v; };
    const double span = warp(high) - warp(low);
    const double share = span > 0.0 ? (warp(value) - warp(low)) / span : 0.5;
    return from + share * (to - from);
  }
};

/// What a chart spans.
struct Bounds {
  double x_low = HUGE_VAL, x_high = -HUGE_VAL, y_low = HUGE_VAL, y_high = -HUGE_VAL;
  bool x_whole = true;  ///< such as epochs: there is nothing between them

  void see(double x, double y) {
    if (!is_usable(x) || !is_usable(y)) return;
    x_whole = x_whole && x == std::floor(x);
    x_low = std::min(x_low, x);
    x_high = std::max(x_high, x);
    y_low = std::min(y_low, y);
    y_high = std::max(y_high, y);
  }
  bool empty() const { return x_low > x_high; }
  void finish(const ChartAxes& axes) {
    if (axes.x_least) x_low = std::min(x_low, *axes.x_least);
    if (axes.x_most) x_high = std::max(x_high, *axes.x_most);
    if (axes.y_least) y_low = std::min(y_low, *axes.y_least);
    if (axes.y_most) y_high = std::max(y_high, *axes.y_most);
    const double room = y_high - y_low;
    if (!(room > 0.0)) {
      const double least = std::max(1e-9, 0.1 * std::abs(y_high));
      y_low -= least;
      y_high += least;
    } else if (!axes.log_y) {
      if (!axes.y_least || y_low < *axes.y_least) y_low -= 0.05 * room;
      if (!axes.y_most || y_high > *axes.y_most) y_high += 0.05 * room;
    }
    if (!(x_high > x_low)) {
      x_low -= 0.5;
      x_high += 0.5;
    }
  }
};

int digits_of(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
}

std::string tick_text(double value, double step) {
  const double size = std::abs(value);
  if (size == 0.0) return "0";
  if (size >= 1e4) {
    const bool whole = std::fmod(value, 1000.0) == 0.0;
    if (size < 1e6) return format_double(value / 1e3, whole ? 0 : 1) + "k";
    return format_double(value / 1e6, std::fmod(value, 1e6) == 0.0 ? 0 : 1) + "M";
  }
  if (size < 1e-3) {
    const int power = static_cast<int>(std::floor(std::log10(size) + 1e-9));
    const double unit = std::pow(10.0, power);
    return concat(format_double(value / unit, digits_of(step / unit)), "e", power);
  }
  return format_double(value, digits_of(step));
}

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return concat("<text x=\"", place(x), "\" y=\"", place(y), "\" text-anchor=\"", anchor, "\">",
                text, "</text>");
}

std::string line_from(double x1, double y1, double x2, double y2, const char* style) {
  return concat("<path class=\"", style, "\" d=\"M", place(x1), " ", place(y1), "L", place(x2), " ",
                place(y2), "\"/>");
}

/// Frame, ticks and names of the axes.
class Plot {
 public:
  Plot(const ChartAxes& axes, Bounds bounds) : axes_(axes), x_whole_(bounds.x_whole) {
    bounds.finish(axes);
    x_ = {bounds.x_low, bounds.x_high, kLeft, kWidth - kRight};
    y_ = {bounds.y_low, bounds.y_high, kHeight - kBottom, kTop, axes.log_y};
    out_ = concat("<svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" role=\"img\" aria-label=\"",
                  html_text(axes.about), "\">");
    draw_axes();
  }

  double x(double value) const { return x_(value); }
  double y(double value) const { return y_(value); }
  const Scale& x_scale() const { return x_; }
  const Scale& y_scale() const { return y_; }
  void add(const std::string& piece) { out_ += piece; }
  std::string finish() { return out_ + "</svg>\n"; }

  /// Lines that lie on each other take turns. Dots stand above all lines.
  void add_lines(const std::vector<ChartLine>& lines) {
    const std::vector<size_t> below = lines_below(places_of(lines));
    std::vector<size_t> drawn(lines.size());  // of the lines on each
    std::vector<ChartDot> dots;
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto count = static_cast<size_t>(std::ranges::count(below, below[i]));
      add_path(lines[below[i]], lines[i], drawn[below[i]]++, count);
      if (has_dots(lines[i], count)) take_dots(lines[i], dots);
    }
    out_ += dots_svg(dots);
  }
  /// Which lines lie on each other; empty if none do.
  std::string about_overlap(const std::vector<ChartLine>& lines) const {
    const std::vector<size_t> below = lines_below(places_of(lines));
    std::vector<std::string> groups;
    for (size_t first = 0; first < lines.size(); ++first) {
      std::vector<std::string> names;
      for (size_t i = first; i < lines.size(); ++i) {
        if (below[i] == first) names.push_back(lines[i].name);
      }
      if (names.size() > 1) groups.push_back(join(names, ", "));
    }
    return groups.empty() ? "" : remark(concat("The same values: ", join(groups, "; "), "."));
  }

 private:
  std::vector<std::vector<CurvePoint>> places_of(const std::vector<ChartLine>& lines) const {
    std::vector<std::vector<CurvePoint>> places;
    for (const ChartLine& line : lines) {
      places.emplace_back();
      if (line.dashed || !line.joined) continue;
      for (const CurvePoint& point : line.points) {
        if (is_usable(point)) places.back().push_back({x(point.x), y(point.y)});
      }
    }
    return places;
  }
  // Of many points the path has a part.
  void add_path(const ChartLine& path_of, const ChartLine& line, size_t number, size_t count) {
    if (!line.joined) return;
    const std::vector<CurvePoint>& points = path_of.points;
    const size_t every = (points.size() + kMostOfPath - 1) / kMostOfPath;
    std::string path;
    for (size_t i = 0; i < points.size(); ++i) {
      const bool wanted = i % every == 0 || i + 1 == points.size();
      if (!wanted || !is_usable(points[i])) continue;
      path += concat(path.empty() ? "M" : "L", place(x(points[i].x)), " ", place(y(points[i].y)));
    }
    if (path.empty()) return;
    out_ += concat("<path class=\"l k", line.colour % kChartColours, line.dashed ? " d" : "",
                   count > 1 ? " t\"" : "\"", turn_of_line(number, count), " d=\"", path, "\"/>");
  }
  // Not of many points, nor of many lines on each other, whose turns they would hide.
  static bool has_dots(const ChartLine& line, size_t lines_there) {
    const size_t most = lines_there > 1 ? kMostShared / lines_there : kMostMarked;
    return line.dots && (!line.joined || line.points.size() <= most);
  }
  void take_dots(const ChartLine& line, std::vector<ChartDot>& dots) const {
    for (const CurvePoint& point : line.points) {
      if (!is_usable(point)) continue;
      dots.push_back({{x(point.x), y(point.y)},
                      line.colour % kChartColours,
                      concat(html_text(line.name), ": ", figure_text(point.y, 4), " (",
                             html_text(axes_.x_name), " ", format_double(point.x, 0), ")")});
    }
  }
  void draw_axes() {
    const std::vector<double> up = axes_.log_y ? log_ticks() : round_ticks(y_.low, y_.high, 4);
    const double up_step = up.size() > 1 ? up[1] - up[0] : 1.0;
    for (const double value : up) {
      out_ += line_from(kLeft, y(value), kWidth - kRight, y(value), "g");
      out_ += text_at(kLeft - 5, y(value) + 4, "end", tick_text(value, up_step));
    }
    const std::vector<double> across = round_ticks(x_.low, x_.high, 5);
    const double step = across.size() > 1 && !x_whole_ ? across[1] - across[0] : 1.0;
    for (const double value : across) {
      if (x_whole_ && std::abs(value - std::round(value)) > 1e-6) continue;
      out_ += text_at(x(value), kHeight - kBottom + 15, "middle", tick_text(value, step));
    }
    out_ += line_from(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "a");
    out_ += text_at(kWidth - kRight, kHeight - 4, "end", html_text(axes_.x_name));
    if (!axes_.y_name.empty())
      out_ += text_at(2, kHeight - 4, "start", concat("↑ ", html_text(axes_.y_name)));
  }

  std::vector<double> log_ticks() const {
    std::vector<double> ticks;
    for (double tick = 1e-12; tick <= 1e12; tick *= 10.0) {
      if (tick >= y_.low && tick <= y_.high) ticks.push_back(tick);
    }
    return ticks.empty() ? std::vector<double>{y_.low, y_.high} : ticks;
  }

  const ChartAxes& axes_;
  bool x_whole_;
  Scale x_, y_;
  std::string out_;
};

std::string legend(const std::vector<ChartLine>& lines) {
  if (lines.size() < 2) return "";
  std::string out = "<p class=\"legend\">";
  for (const ChartLine& line : lines) {
    out += concat("<span><i class=\"b", line.colour % kChartColours, line.dashed ? " d" : "",
                  "\"></i>", html_text(line.name), "</span>");
  }
  return out + "</p>\n";
}

Bounds bounds_of(const std::vector<ChartLine>& lines) {
  Bounds bounds;
  for (const ChartLine& line : lines) {
    for (const CurvePoint& point : line.points) bounds.see(point.x, point.y);
  }
  return bounds;
}

std::string nothing() { return remark("Nothing to show yet."); }

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(high > low) || count < 1) return {low};
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double part = raw / power;
  const double step = power * (part < 1.5 ? 1.0 : part < 3.5 ? 2.0 : part < 7.5 ? 5.0 : 10.0);
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 2 * count + 2; ++i) {
    const double tick = (first + i) * step;
    if (tick > high + 1e-9 * step) break;
    ticks.push_back(tick == 0.0 ? 0.0 : tick);
  }
  return ticks;
}

std::string line_chart(const ChartAxes& axes, const std::vector<ChartLine>& lines) {
  const Bounds bounds = bounds_of(lines);
  if (bounds.empty()) return nothing();
  Plot plot(axes, bounds);
  plot.add_lines(lines);
  return concat(plot.finish(), legend(lines), plot.about_overlap(lines));
}

std::string scatter_chart(const ChartAxes& axes, const std::vector<CurvePoint>& points) {
  Bounds bounds;
  for (const CurvePoint& point : points) bounds.see(point.x, point.y);
  if (bounds.empty()) return nothing();
  Plot plot(axes, bounds);
  const double low = std::max(plot.x_scale().low, plot.y_scale().low);
  const double high = std::min(plot.x_scale().high, plot.y_scale().high);
  if (low < high) plot.add(line_from(plot.x(low), plot.y(low), plot.x(high), plot.y(high), "a d"));
  const size_t every = (points.size() + kMostDots - 1) / kMostDots;
  for (size_t i = 0; i < points.size(); i += every) {
    if (!is_usable(points[i])) continue;
    plot.add(concat("<circle class=\"f0 o\" cx=\"", place(plot.x(points[i].x)), "\" cy=\"",
                    place(plot.y(points[i].y)), "\" r=\"2.2\"/>"));
  }
  return plot.finish();
}

std::string bar_chart(const ChartAxes& axes, const std::vector<ChartBar>& bars,
                      const std::vector<ChartLine>& lines) {
  Bounds bounds = bounds_of(lines);
  for (const ChartBar& bar : bars) {
    bounds.see(bar.from, 0.0);
    bounds.see(bar.to, bar.height);
  }
  if (bounds.empty()) return nothing();
  ChartAxes from_zero = axes;
  from_zero.y_least = std::min(0.0, axes.y_least.value_or(0.0));
  Plot plot(from_zero, bounds);
  for (const ChartBar& bar : bars) {
    if (!is_usable(bar.height) || bar.height <= 0.0) continue;
    const double left = plot.x(bar.from) + 0.5, right = plot.x(bar.to) - 0.5;
    const double top = plot.y(bar.height), bottom = plot.y(0.0);
    plot.add(concat("<rect class=\"f0 p\" x=\"", place(left), "\" y=\"", place(top), "\" width=\"",
                    place(std::max(0.5, right - left)), "\" height=\"",
                    place(std::max(0.0, bottom - top)), "\"><title>", figure_text(bar.from, 2),
                    " to ", figure_text(bar.to, 2), ": ", figure_text(bar.height, 2),
                    "</title></rect>"));
  }
  plot.add_lines(lines);
  return plot.finish();
}

std::string share_chart(const std::string& about, const std::vector<Share>& shares) {
  const auto amount_of = [](const Share& share) {
    return is_usable(share.amount) ? std::max(0.0, share.amount) : 0.0;
  };
  double sum = 0.0;
  for (const Share& share : shares) sum += amount_of(share);
  if (!(sum > 0.0)) return nothing();
  std::string bar =
      concat("<svg class=\"share\" viewBox=\"0 0 400 18\" preserveAspectRatio=\"none\"",
             " role=\"img\" aria-label=\"", html_text(about), "\">");
  HtmlTable table({"", "", "share"});
  double at = 0.0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const double share = amount_of(shares[i]) / sum, width = 400.0 * share;
    bar += concat("<rect class=\"f", i % kChartColours, "\" x=\"", place(at), "\" y=\"0\" width=\"",
                  place(width), "\" height=\"18\"/>");
    at += width;
    table.add_row({concat("<i class=\"b", i % kChartColours, "\"></i>", html_text(shares[i].name)),
                   html_text(shares[i].text), percent_text(share)});
  }
  return concat(bar, "</svg>\n", table.html());
}

}  // namespace pals
