#include "catalog/reader.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "kinds/kind.h"

namespace pals {
namespace {

/// Opens a task's file, or says what was looked for and where.
MappedFile open_data_file(const Task& task, const DataFile& file, const std::string& base_dir) {
  const std::string path = data_path(file, base_dir);
  if (!file_exists(path) && !directory_exists(path)) {
    const bool below_data_dir = std::filesystem::path(file.path).is_relative();
    fail(path, ": no such file; it should hold the ", file.split, " examples of task ",
         quote(task.name),
         below_data_dir ? concat(" (--data_dir is ", quote(base_dir),
                                 ", want the folder that holds ", file.path, ")")
                        : "");
  }
  return MappedFile(path);
}

}  // namespace

std::string data_path(const DataFile& file, const std::string& base_dir) {
  return (std::filesystem::path(base_dir) / file.path).string();
}

ExampleSet read_examples(const Task& task, const DataFile& file, const std::string& base_dir) {
  const MappedFile mapped = open_data_file(task, file, base_dir);
  return kind_of(task).read(task, file, mapped.bytes(), mapped.path());
}

std::vector<std::string> collect_labels(const Task& task, const DataFile& file,
                                        const std::string& base_dir) {
  const MappedFile mapped = open_data_file(task, file, base_dir);
  return kind_of(task).find_labels(task, file, mapped.bytes(), mapped.path());
}

}  // namespace pals
