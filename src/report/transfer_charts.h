// Pictures of figures that come in twos, a row for each: SVG in the colours of the page's style.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/bootstrap.h"

namespace pals {

/// Two figures that belong together, each with one or more measurements.
struct PairRow {
  std::string name;
  std::vector<double> first, second;
};

/// A row for each pair: the two means as dots with a line between, and behind them what they are
/// the means of. `names` of the first and the second are the legend.
std::string pair_chart(const std::string& about, const std::string& x_name,
                       const std::vector<std::string>& names, const std::vector<PairRow>& rows);

/// A value and how far it may be off.
struct ReachRow {
  std::string name;
  double value = 0.0;
  std::optional<Interval> interval = {};
  size_t colour = 0;
};

/// A row for each value: a dot with its interval as a line, on an axis that shows zero.
std::string reach_chart(const std::string& about, const std::string& x_name,
                        const std::vector<ReachRow>& rows);

/// A square table of values from -1 to 1 with coloured cells, the names on both sides. Those on the
/// diagonal are of another kind and stand in brackets; nothing is a dash.
std::string heat_map(const std::string& corner, const std::vector<std::string>& names,
                     const std::vector<std::vector<std::optional<double>>>& values);

}  // namespace pals
