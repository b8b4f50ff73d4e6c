// metrics.jsonl: a line for each optimizer step and each evaluation, written as they happen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/loss_watch.h"
#include "runlog/records.h"

namespace pals {

/// A longer line is a damaged one.
inline constexpr size_t kMaxMetricsLine = size_t{1} << 20;

/// Yields the lines of a file's bytes, which must outlive it. Damaged lines are among them and end
/// nothing; memory is that of one line.
class MetricsReader {
 public:
  explicit MetricsReader(std::string_view bytes) : rest_(bytes) {}

  /// The next line; false at the end.
  bool next(MetricsRecord& record);

  int64_t line() const { return line_; }           ///< its number, from 1
  std::string_view text() const { return text_; }  ///< it, without its end

 private:
  std::string_view rest_, text_;
  int64_t line_ = 0;
};

/// Writes the file of a run that goes on at `first_step`.
class MetricsWriter {
 public:
  /// Drops the lines of later steps, and where the evaluation after `first_step` is still to be
  /// made that one's; and damaged ones with a warning that names their number (but not one that an
  /// interrupted write has left). Throws Error if the file cannot be written or is of a later
  /// version.
  MetricsWriter(const std::string& path, int64_t first_step, bool evaluation_is_due = false);

  /// Appends a line, which is with the system when this returns.
  template <typename Record>
  void write(const Record& record) {
    write_line(to_json(record).dump());
  }

  /// The losses of the steps that were kept, in order, at most `kFirstLosses` of them.
  static constexpr size_t kFirstLosses = LossWatch::kFirst;
  const std::vector<double>& first_losses() const { return first_losses_; }

 private:
  std::string kept_lines(std::string_view old, int64_t first_step, bool evaluation_is_due);
  void write_line(const std::string& line);

  std::string path_;
  std::ofstream file_;
  std::vector<double> first_losses_;
};

}  // namespace pals
