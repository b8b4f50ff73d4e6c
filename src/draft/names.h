// What the names of data files say: which belong together, and what each is for.
#pragma once

#include <string>
#include <vector>

namespace pals {

/// A file of a task: "train", "dev" or "test", and with a number for more of them ("train_2").
struct NamedFile {
  std::string path, split;
};

/// Files that are one task by their names.
struct FileGroup {
  std::string name;  ///< fit for a task file
  std::vector<NamedFile> files;
  bool split_said = true;  ///< false: no file's name says what it is for; it is for training
};

/// Groups files by their folder and their name without the word for the split (train, training;
/// dev, valid, validation, val, eval; test), which may also be the folder's name. Groups have
/// different names, none of GLUE's and none with a meaning of its own.
std::vector<FileGroup> group_files(const std::vector<std::string>& paths);

}  // namespace pals
