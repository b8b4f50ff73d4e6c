// Files of multi-label tasks: rows with any number of labels, as a list, in one column or in
// columns of 0 and 1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/row_watch.h"
#include "tasks/task.h"

namespace pals {

/// What a multi-label task alone knows.
struct MultiLabelSettings {
  std::string separator;  ///< between the labels of one column; empty: they are a list or columns
  std::vector<double> thresholds = {0.5};  ///< of all labels, or each one's own
  bool tuned = false;                      ///< each label's own is chosen by the development files

  bool operator==(const MultiLabelSettings&) const = default;
};

/// Whether the labels of the file's rows stand in one text, with a separator.
bool is_separated(const Task& task, const DataFile& file);

/// The examples of a file; their targets are 1 for each label that a row has, else 0, and none in a
/// file without labels. Throws Error, or tells the watch, as read_rows.
ExampleSet read_label_rows(const Task& task, const DataFile& file, std::string_view bytes,
                           const std::string& where, RowWatch* watch);

/// The distinct labels of a file, sorted bytewise. Throws Error as read_rows, for an empty label,
/// and past 1,000 different ones; tells the watch as read_rows.
std::vector<std::string> labels_in_label_rows(const Task& task, const DataFile& file,
                                              std::string_view bytes, const std::string& where,
                                              RowWatch* watch);

}  // namespace pals
