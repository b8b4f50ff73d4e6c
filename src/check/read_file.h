// A data file as training reads it, with a line for each example and all that is wrong with its
// rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "check/problems.h"
#include "tasks/row_watch.h"
#include "tasks/task.h"

namespace pals {

/// After so many wrong rows a file is not read any further.
inline constexpr int64_t kMostFaults = 100000;

/// Tells a list of problems what is wrong with a file's rows: the first fault of each line.
class FileWatch : public RowWatch {
 public:
  /// All must outlive the watch.
  FileWatch(const Task& task, const DataFile& file, ProblemList& problems)
      : task_(task), file_(file), problems_(problems) {}

  /// Throws Error past kMostFaults.
  void fault(const Error& error) override;
  void example(int64_t line) override { lines_.push_back(line); }
  void note(int64_t line, const std::string& note) override { note_lines_[note] = line; }

  /// Adds a problem of a line of this file; 0: of the whole file.
  void add(Severity severity, int64_t line, std::string message);
  /// The same of an error that ends the reading.
  void end(const Error& error);

  /// The first line that a note of the file is of; 0: of the whole file.
  int64_t line_of_note(const std::string& note) const;
  /// What is to stand behind faults that list the task's labels.
  void remark_labels(std::string remark) { label_remark_ = std::move(remark); }

  /// Of each example so far.
  const std::vector<int64_t>& lines() const { return lines_; }
  /// Begins anew, with another reading of the same file.
  void begin() { lines_.clear(); }

 private:
  const Task& task_;
  const DataFile& file_;
  ProblemList& problems_;
  std::vector<int64_t> lines_;
  std::unordered_set<int64_t> wrong_lines_;
  std::map<std::string, int64_t> note_lines_;
  std::string label_remark_;
  int64_t faults_ = 0;
};

/// The examples of a file that can be read.
struct CheckedFile {
  const DataFile* file = nullptr;
  ExampleSet set;
  std::vector<int64_t> lines;  ///< where each example (of a span task: question) begins; 0: unknown

  int64_t size() const { return static_cast<int64_t>(lines.size()); }
  int64_t line(int64_t item) const { return lines[static_cast<size_t>(item)]; }
};

/// Reads a file; what it holds that cannot be read goes to its watch, and so does what the reader
/// notes. Its task's labels must be known.
CheckedFile read_checked(const Task& task, const DataFile& file, FileWatch& watch);

}  // namespace pals
