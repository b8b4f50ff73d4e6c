// What the tests of this room share: temporary files, error texts, comparison of tensor files.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/tensor_file.h"

namespace pals {

/// A path of its own in the temporary folder; what lies there at the end is removed.
class TemporaryPath {
 public:
  TemporaryPath() {
    static int count = 0;
    path_ =
        testing::TempDir() + "pals_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
  }
  explicit TemporaryPath(std::string path) : path_(std::move(path)) {}
  ~TemporaryPath() { std::remove(path_.c_str()); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;

  const std::string& str() const { return path_; }

 private:
  std::string path_;
};

/// A file of tests/data/checkpoint.
inline std::string checkpoint_data(const std::string& name) {
  return std::string(PALS_SOURCE_DIR) + "/tests/data/checkpoint/" + name;
}

inline std::string read_test_file(const std::string& path) {
  return read_file(path, uint64_t{1} << 30);
}

/// The text of the Error that the action throws, or "" if it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool same_tensor(const TensorEntry& a, const TensorEntry& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes.size() == b.bytes.size() &&
         (a.bytes.empty() || std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
}

/// Whether both hold the same names with the same types, shapes and bits, in any order.
inline bool same_tensors(const TensorFile& a, const TensorFile& b) {
  if (a.tensors().size() != b.tensors().size()) return false;
  for (const TensorEntry& tensor : a.tensors()) {
    const TensorEntry* other = b.find(tensor.name);
    if (other == nullptr || !same_tensor(tensor, *other)) return false;
  }
  return true;
}

/// Calls `parse` with every beginning of the bytes and expects an Error each time.
inline void expect_errors_when_cut(const std::string& bytes,
                                   const std::function<void(const std::string&)>& parse) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A buffer of the exact size, so that sanitizers see a read past its end.
    const std::string part = bytes.substr(0, size);
    EXPECT_NE(error_of([&] { parse(part); }), "") << "cut to " << size << " bytes";
  }
}

/// Calls `parse` with two bits of each byte flipped, one at a time; it may throw Error.
inline void flip_bits(std::string bytes, const std::function<void(const std::string&)>& parse) {
  for (size_t place = 0; place < bytes.size(); ++place) {
    const char whole = bytes[place];
    for (const size_t bit : {place % 4, 4 + place * 3 % 4}) {
      bytes[place] = static_cast<char>(whole ^ (1 << bit));
      error_of([&] { parse(bytes); });
    }
    bytes[place] = whole;
  }
}

}  // namespace pals
