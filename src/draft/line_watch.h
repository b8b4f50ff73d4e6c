// Where the examples of a file begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tasks/row_watch.h"

namespace pals {

/// Takes down the line of each example, and passes over what cannot be read: `pals check` tells.
class LineWatch : public RowWatch {
 public:
  void fault(const Error& /*error*/) override { ++faults_; }
  void example(int64_t line) override { lines_.push_back(line); }

  /// From 1, in the order of the examples.
  const std::vector<int64_t>& lines() const { return lines_; }
  int64_t faults() const { return faults_; }
  /// Begins anew, with another reading of the same file.
  void begin() {
    lines_.clear();
    faults_ = 0;
  }

 private:
  std::vector<int64_t> lines_;
  int64_t faults_ = 0;
};

}  // namespace pals
