#include "checkpoint/load_tensor_file.h"

#include <cstdlib>

#include "checkpoint/safetensors.h"
#include "checkpoint/test_support.h"

namespace pals {
namespace {

using namespace std::string_literals;

TEST(LoadTensorFile, GoesByContentNotByName) {
  const TensorFile expected = read_safetensors(checkpoint_data("tiny.safetensors"));
  for (const char* name :
       {"tiny.safetensors", "tiny_zip.bin", "tiny_nested.bin", "tiny_legacy.bin"}) {
    TemporaryPath path;  // a name without any extension
    write_file_atomically(path.str(), read_test_file(checkpoint_data(name)));
    EXPECT_TRUE(same_tensors(load_tensor_file(path.str()), expected)) << name;
  }
}

TEST(LoadTensorFile, SaysWhatItFound) {
  const struct {
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"", "an empty file"},
      {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"<!DOCTYPE html>", "web page"},
      {"\x89HDF\r\n\x1a\n", "HDF5"},
      {"\x1f\x8b\x08", "gzip"},
      {"PK\x05\x06", "zip"},
      {"\x80\x02}q\0."s, "torch.save did not write"},
      {"{\"a\": 1}", "JSON"},
      {"hello world, this is text", "text that starts with \"hello world"},
      {std::string(100, '\xee'), "100 bytes of an unknown format"},
  };
  for (const auto& [bytes, expected] : cases) {
    TemporaryPath path;
    write_file_atomically(path.str(), bytes);
    const std::string error = error_of([&] { load_tensor_file(path.str()); });
    EXPECT_NE(error.find(expected), std::string::npos) << error << ", expected " << expected;
    EXPECT_NE(error.find(path.str()), std::string::npos);
    EXPECT_NE(error.find("expected weights as safetensors"), std::string::npos) << error;
  }
  EXPECT_NE(error_of([] { load_tensor_file("/nonexistent/file"); }).find("/nonexistent/file"),
            std::string::npos);
}

/// Folders of PALS_REFERENCE_DIR with the same state dict in several formats.
TEST(LoadTensorFile, ReferenceFilesAreEqualBitForBit) {
  const char* reference = std::getenv("PALS_REFERENCE_DIR");
  if (reference == nullptr) GTEST_SKIP() << "PALS_REFERENCE_DIR is not set";
  int compared = 0;
  for (const std::string& folder : list_directory(reference)) {
    const std::string base = std::string(reference) + "/" + folder + "/";
    if (!file_exists(base + "weights.safetensors")) continue;
    const TensorFile expected = load_tensor_file(base + "weights.safetensors");
    EXPECT_FALSE(expected.tensors().empty());
    for (const char* name : {"weights.bin", "weights_legacy.bin"}) {
      if (!file_exists(base + name)) continue;
      EXPECT_TRUE(same_tensors(load_tensor_file(base + name), expected)) << base << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0) << "no folder of " << reference << " holds weights.bin";
}

}  // namespace
}  // namespace pals
