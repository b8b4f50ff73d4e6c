// Texts of a task: empty ones, those that come twice, and how long they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/problems.h"
#include "check/read_file.h"
#include "tasks/task.h"

namespace pals {

/// What texts are compared by; equal texts have equal hashes.
struct TextKey {
  uint64_t exact = 0, folded = 0;
  int32_t file = 0;
  int64_t item = 0;
};

/// The texts of a task's files.
class TaskTexts {
 public:
  /// `task` must outlive it. Nothing is kept of files without examples.
  explicit TaskTexts(const Task& task) : task_(task) {}

  /// Takes in a file and says which of its texts are empty.
  void add(CheckedFile checked, int threads, ProblemList& problems);

  /// Says which texts come twice: in the training files, where another label is an error, and in
  /// another file and the training files.
  void compare(ProblemList& problems);

  const std::vector<CheckedFile>& files() const { return files_; }
  /// Words and marks of punctuation of each text of a file, its rows' special tokens not counted.
  const std::vector<int32_t>& words(size_t file) const { return words_[file]; }

 private:
  struct Group;

  std::string text_of(const TextKey& key, bool folded) const;
  bool same_targets(const TextKey& one, const TextKey& other) const;
  std::string label_of(const TextKey& key) const;
  void compare_in_training(const std::vector<TextKey>& training, ProblemList& problems) const;
  void compare_with_training(size_t file, const std::vector<TextKey>& training,
                             ProblemList& problems) const;
  std::string place_of(const TextKey& key, int32_t from_file) const;

  const Task& task_;
  std::vector<CheckedFile> files_;
  std::vector<std::vector<int32_t>> words_;
  std::vector<std::vector<TextKey>> keys_;  ///< of each file, sorted by their hashes
};

}  // namespace pals
