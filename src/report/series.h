// A curve of any number of points in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pals {

struct CurvePoint {
  double x = 0.0, y = 0.0;
};

/// Means over equally wide runs of points; when there are too many runs, neighbours are joined.
class Series {
 public:
  static constexpr size_t kMostRuns = 400;

  void add(double x, double y);

  /// One point for each run, at its middle.
  std::vector<CurvePoint> points() const;
  int64_t count() const { return count_; }

 private:
  struct Run {
    double x = 0.0, y = 0.0;  // sums
    int64_t count = 0;
  };

  std::vector<Run> runs_;
  int64_t width_ = 1, count_ = 0;
};

}  // namespace pals
