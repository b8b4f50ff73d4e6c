// Examples out of data files: labels as class indices, values checked and scaled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tasks/task.h"
#include "tasks/text_rows.h"

namespace pals {

/// Yields the examples of a file of rows one at a time, out of bytes that the caller holds.
class ExampleReader {
 public:
  /// `task` and `bytes` must outlive the reader; `where` names the file in errors.
  /// Throws as TextRowReader does.
  ExampleReader(const Task& task, const DataFile& file, std::string_view bytes, std::string where);

  /// The next example; false at the end. Throws Error "where:line: ..." for unknown labels, values
  /// that are no finite numbers, choices that are empty, fewer than 2 or more than kMostChoices,
  /// and as TextRowReader::next does.
  bool next(Example& example);

  /// Rows skipped so far.
  int64_t skipped() const { return rows_.skipped(); }

 private:
  int32_t class_of(std::string_view label) const;
  float value_of(std::string_view label) const;
  int32_t choice_of(std::string_view label, size_t num_choices) const;
  std::string header_hint() const;

  const Task& task_;
  bool has_labels_;
  bool header_;
  TextRowReader rows_;
  std::unordered_map<std::string_view, int32_t> classes_;
};

/// Where a data file lies: `file.path` itself if absolute, else below `base_dir` (--data_dir).
std::string data_path(const DataFile& file, const std::string& base_dir);

/// All examples of one file, or for a span task all questions. Throws Error as ExampleReader and
/// parse_squad do, and for a file that is missing or has no rows.
ExampleSet read_examples(const Task& task, const DataFile& file, const std::string& base_dir);

/// The distinct labels of a file: ascending if all are whole numbers, else sorted bytewise.
/// Throws Error as read_examples does, for an empty label, and past 1,000 different ones.
std::vector<std::string> collect_labels(const Task& task, const DataFile& file,
                                        const std::string& base_dir);

}  // namespace pals
