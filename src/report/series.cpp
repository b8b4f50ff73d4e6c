#include "report/series.h"

namespace pals {

void Series::add(double x, double y) {
  ++count_;
  if (runs_.empty() || runs_.back().count == width_) {
    if (runs_.size() == kMostRuns) {
      for (size_t i = 0; i < kMostRuns / 2; ++i) {
        const Run &a = runs_[2 * i], &b = runs_[2 * i + 1];
        runs_[i] = {a.x + b.x, a.y + b.y, a.count + b.count};
      }
      runs_.resize(kMostRuns / 2);
      width_ *= 2;
    }
    runs_.emplace_back();
  }
  Run& run = runs_.back();
  run.x += x;
  run.y += y;
  ++run.count;
}

std::vector<CurvePoint> Series::points() const {
  std::vector<CurvePoint> points;
  for (const Run& run : runs_) {
    const auto count = static_cast<double>(run.count);
    points.push_back({run.x / count, run.y / count});
  }
  return points;
}

}  // namespace pals
