// What tests of conversions share: a folder with what a conversion needs, the reference's sets, and
// comparisons.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/tensor_file.h"
#include "convert/convert.h"

namespace pals::testing {

/// A folder for each test, with a vocabulary of the reference sets' size and tasks for their heads.
class ConvertTest : public ::testing::Test {
 protected:
  ConvertTest() : folder_(::testing::TempDir() + "pals_convert_" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder_);
    make_directories(folder_);
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    for (int i = 4; i < 211; ++i) vocabulary += "word" + std::to_string(i) + "\n";
    write_file_atomically(path("vocab.txt"), vocabulary);
    const auto task = [](const char* name, const char* rest) {
      return concat("{\"name\": \"", name, "\", ", rest, ", \"text_a\": 0, \"label\": 1,",
                    "\"header\": false, \"format\": \"tsv\", \"train\": \"x.tsv\"}");
    };
    const std::string two = task("two", "\"kind\": \"classification\", \"labels\": [\"a\", \"b\"]");
    const std::string value = task("value", "\"kind\": \"regression\"");
    const std::string three =
        task("three", "\"kind\": \"classification\", \"labels\": [\"x\", \"y\", \"z\"]");
    write_file_atomically(path("tasks.json"),
                          concat("{\"tasks\": [", two, ",", value, ",", three, "]}"));
    write_file_atomically(path("one.json"), concat("{\"tasks\": [", three, "]}"));
  }
  ~ConvertTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  ConvertOptions options(const std::string& from, const std::string& to) const {
    ConvertOptions result;
    result.from = from;
    result.to = path(to);
    result.vocab_file = path("vocab.txt");
    return result;
  }

  std::string error(const ConvertOptions& chosen) const {
    try {
      convert(chosen);
    } catch (const Error& found) {
      EXPECT_FALSE(std::filesystem::exists(chosen.to) && !std::filesystem::is_empty(chosen.to) &&
                   !std::filesystem::exists(chosen.to + "/keep"))
          << chosen.to;
      return found.what();
    }
    return "";
  }

  std::string folder_;
};

inline void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

/// Every tensor of `expected` that `wanted` chooses stands in `found`, bit for bit, and no other.
inline void expect_same(const TensorFile& found, const TensorFile& expected,
                        const std::string& prefix = "") {
  size_t wanted = 0;
  for (const TensorEntry& tensor : expected.tensors()) {
    if (!tensor.name.starts_with(prefix)) continue;
    ++wanted;
    const TensorEntry* other = found.find(tensor.name.substr(prefix.size()));
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(other->shape, tensor.shape) << tensor.name;
    ASSERT_EQ(other->bytes.size(), tensor.bytes.size()) << tensor.name;
    EXPECT_EQ(std::memcmp(other->bytes.data(), tensor.bytes.data(), tensor.bytes.size()), 0)
        << tensor.name;
  }
  EXPECT_EQ(found.tensors().size(), wanted);
}

/// Folders of reference sets, committed ones and those of PALS_REFERENCE_DIR.
inline std::vector<std::string> reference_sets() {
  std::vector<std::string> roots = {std::string(PALS_SOURCE_DIR) + "/tests/data/reference"};
  if (const char* more = std::getenv("PALS_REFERENCE_DIR")) roots.emplace_back(more);
  std::vector<std::string> sets;
  for (const std::string& root : roots) {
    for (const std::string& name : list_directory(root)) {
      if (file_exists(root + "/" + name + "/weights.safetensors")) {
        sets.push_back(root + "/" + name);
      }
    }
  }
  return sets;
}

inline std::string committed_set(const char* name) {
  return concat(PALS_SOURCE_DIR, "/tests/data/reference/", name);
}

inline std::string pals_set() { return committed_set("pals"); }

/// A committed set of one of the reference's single-task classes.
inline std::string head_set(const std::string& kind) {
  return committed_set(kind == "span" ? "question_answering" : "multiple_choice");
}

}  // namespace pals::testing
