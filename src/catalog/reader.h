// Examples out of data files.
#pragma once

#include <string>
#include <vector>

#include "tasks/row_watch.h"
#include "tasks/task.h"

namespace pals {

/// Where a data file lies: `file.path` itself if absolute, else below `base_dir` (--data_dir).
std::string data_path(const DataFile& file, const std::string& base_dir);

/// All examples of one file, or for a span task all questions. Throws Error as the kind's read()
/// does, and for a file that is missing or has no rows. Errors of single rows go to `watch`, if
/// there is one.
ExampleSet read_examples(const Task& task, const DataFile& file, const std::string& base_dir,
                         RowWatch* watch = nullptr);

/// The distinct labels of a file, as Kind::find_labels finds them. Throws Error, or tells the
/// watch, as read_examples does.
std::vector<std::string> labels_in_file(const Task& task, const DataFile& file,
                                        const std::string& base_dir, RowWatch* watch);

/// The distinct labels of all training files. Throws Error as read_examples does.
std::vector<std::string> collect_labels(const Task& task, const std::string& base_dir);

}  // namespace pals
