// What is wrong with tasks and their data, collected for people and programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"

namespace pals {

/// Errors are what training would refuse, or learn something wrong from; warnings all else.
enum class Severity { kError, kWarning };

/// One thing that is wrong.
struct Problem {
  Severity severity = Severity::kError;
  std::string file;
  int64_t line = 0;  ///< from 1; 0: of the file as a whole, or nobody knows
  std::string task;  ///< empty: of none
  std::string message;

  bool operator==(const Problem&) const = default;
};

/// A message "where:line: text" or "where: text" taken apart; `line` is 0 if it has none. The text
/// of "where:line:7: text" begins with "column 7: ".
struct PlacedMessage {
  int64_t line = 0;
  std::string text;
};
PlacedMessage take_apart(std::string_view message, const std::string& where);

/// Collects problems. Of those of a file that differ in numbers and quoted texts alone the first
/// kShown stand, and one problem says how many more there are.
class ProblemList {
 public:
  static constexpr int64_t kShown = 20;

  void add(Problem problem);

  int64_t errors() const { return errors_; }
  int64_t warnings() const { return warnings_; }

  /// All of them: files in the order in which they came, in each by line, and last what has none.
  std::vector<Problem> sorted() const;

 private:
  /// Problems of one kind in one file.
  struct Alike {
    size_t first = 0;  ///< of problems_
    int64_t count = 0;
  };

  std::vector<Problem> problems_;
  std::unordered_map<std::string, Alike> alike_;
  std::map<std::string, size_t> files_;  ///< task and file -> their order
  int64_t errors_ = 0, warnings_ = 0;
};

/// [{"severity": "error", "file": ..., "line": ..., "task": ..., "message": ...}, ...]; line and
/// task are null where there is none.
OrderedJson problems_json(const std::vector<Problem>& problems);

/// A line each, "error: file:line: task "x": message", and one that counts them.
std::string problems_text(const ProblemList& problems);

}  // namespace pals
