// For tests of this room: a tiny vocabulary, folders that vanish, and features out of thin air.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "features/features.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// A folder of its own that is removed at the end.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pals_data_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail("cannot make ", name);
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline constexpr int32_t kTestCls = 2, kTestSep = 3, kTestFirstLetter = 5;

/// Tokens 5 to 30 are the letters a to z, each a word.
inline Tokenizer letter_tokenizer() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) text += std::string(1, letter) + "\n";
  return Tokenizer(Vocabulary::from_text(text, "letters"), true);
}

/// "x x x", `count` times.
inline std::string letters(int64_t count, char letter) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += std::string(1, letter) + " ";
  return text;
}

/// Rows of two and more tokens whose first id is `first_id` + the row's number.
inline FeaturesPtr numbered_features(int64_t num_rows, int32_t first_id) {
  auto features = std::make_shared<FeatureSet>();
  for (int64_t row = 0; row < num_rows; ++row) {
    const int64_t length = 2 + row * 7 % 11;
    features->token_ids.push_back(first_id + static_cast<int32_t>(row));
    features->token_ids.insert(features->token_ids.end(), static_cast<size_t>(length - 1), 1);
    features->end_row(static_cast<int32_t>(1 + row % length));
    features->end_example({static_cast<float>(row % 3)});
  }
  return features;
}

/// A classification task with the labels no and yes, and its file: text, label, tab-separated.
inline Task two_column_task() {
  Task task;
  task.name = "toy";
  task.labels = {"no", "yes"};
  task.metrics = {Metric::kAccuracy};
  DataFile file;
  file.split = "train";
  file.path = "train.tsv";
  file.text_a = {0, ""};
  file.label = Column{1, ""};
  task.files = {file};
  return task;
}

}  // namespace pals
