#include "catalog/reader.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "base/unpack.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

/// Opens a task's file, or says what was looked for and where.
UnpackedFile open_data_file(const Task& task, const DataFile& file, const std::string& base_dir) {
  const std::string path = data_path(file, base_dir);
  if (!file_exists(path) && !directory_exists(path)) {
    const bool below_data_dir = std::filesystem::path(file.path).is_relative();
    fail(path, ": no such file; it should hold the ", file.split, " examples of task ",
         quote(task.name),
         below_data_dir ? concat(" (--data_dir is ", quote(base_dir),
                                 ", want the folder that holds ", file.path, ")")
                        : "");
  }
  return UnpackedFile(path);
}

}  // namespace

std::string data_path(const DataFile& file, const std::string& base_dir) {
  return (std::filesystem::path(base_dir) / file.path).string();
}

ExampleSet read_examples(const Task& task, const DataFile& file, const std::string& base_dir,
                         RowWatch* watch) {
  const UnpackedFile content = open_data_file(task, file, base_dir);
  return kind_of(task).read(task, file, content.bytes(), content.path(), watch);
}

std::vector<std::string> labels_in_file(const Task& task, const DataFile& file,
                                        const std::string& base_dir, RowWatch* watch) {
  const UnpackedFile content = open_data_file(task, file, base_dir);
  return kind_of(task).find_labels(task, file, content.bytes(), content.path(), watch);
}

std::vector<std::string> collect_labels(const Task& task, const std::string& base_dir) {
  std::vector<std::string> labels;
  for (const DataFile* file : files_of(task, "train")) {
    for (std::string& label : labels_in_file(task, *file, base_dir, nullptr)) {
      labels.push_back(std::move(label));
    }
  }
  return merged_labels(labels);
}

}  // namespace pals
