#include "base/output_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

class OutputPath : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pals_output_path_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string put(const std::string& name) const {
    std::ofstream(folder_ + "/" + name) << name;
    return folder_ + "/" + name;
  }

  std::string folder_;
};

/// The number of a process that has ended.
std::string dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return std::to_string(child);
}

TEST_F(OutputPath, TemporaryNamesDiffer) {
  const std::string one = temporary_name("a/b"), other = temporary_name("a/b");
  EXPECT_NE(one, other);
  EXPECT_TRUE(one.starts_with("a/b.tmp." + std::to_string(::getpid()) + ".")) << one;
  EXPECT_TRUE(is_temporary_name(one));
  for (const char* name :
       {"f", "f.tmp.", "f.tmp.1", "f.tmp.1.", "f.tmp.1.x", "f.tmp.0.1", "f.tmp.-1.1", "f.tmp.1.2.3",
        ".tmp.1.2", "f.tmp.99999999999999999999.1"}) {
    EXPECT_FALSE(is_temporary_name(name)) << name;
  }
}

TEST_F(OutputPath, WhatCannotBeWrittenShowsBeforehand) {
  for (const std::string& fine : {folder_ + "/new", put("old"), std::string("/dev/null"),
                                  std::string("/dev/stdout"), std::string("beside_the_tests")}) {
    EXPECT_NO_THROW(require_writable_output(fine)) << fine;
  }
  EXPECT_FALSE(fs::exists(folder_ + "/new"));
  for (const std::string& wrong : {folder_, folder_ + "/nowhere/new", put("file") + "/new"}) {
    try {
      require_writable_output(wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("cannot write " + wrong + ": "))
          << error.what();
    }
  }
}

TEST_F(OutputPath, NamesOfOnnxFilesAreNoFolders) {
  for (const char* name : {"m.onnx", "a/m.ONNX", "m.onnx/", "m.onnx//", ".onnx"}) {
    EXPECT_TRUE(has_onnx_ending(name)) << name;
    EXPECT_THROW(make_directories(folder_ + "/" + name), UsageError) << name;
  }
  for (const char* name : {"", "/", "onnx", "m.onnx/a", "m.onnx.d"}) {
    EXPECT_FALSE(has_onnx_ending(name)) << name;
    EXPECT_NO_THROW(refuse_file_name(name)) << name;
  }
  EXPECT_THROW(make_directories(temporary_name(folder_ + "/m.onnx")), UsageError);
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>());
}

TEST_F(OutputPath, RemovesWhatDeadProcessesLeft) {
  const std::string dead = dead_process();
  put("f.tmp." + dead + ".1");
  put("f.tmp." + std::to_string(::getpid()) + ".7");  // of an earlier process with this number
  fs::create_directories(folder_ + "/best.tmp." + dead + ".2/adapters");
  put("best.tmp." + dead + ".2/adapters/f");
  std::vector<std::string> kept = {"f.tmp.1.1", "mine.tmp.old", "notes.tmp." + dead + ".txt",
                                   "plain"};
  for (const std::string& name : kept) put(name);
  remove_dead_temporaries(folder_);
  EXPECT_EQ(list_directory(folder_), kept);  // process 1 lives
  remove_dead_temporaries(folder_ + "/nowhere");
}

TEST_F(OutputPath, SomeOutputsCannotBeGoneBackTo) {
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  fs::create_symlink("/proc/self/fd/1", folder_ + "/standard");
  for (const char* name : {"/pipe", "/standard"}) {
    EXPECT_THROW(require_seekable_output(folder_ + name), Error) << name;
  }
  for (const std::string& path : {folder_ + "/new", put("f"), std::string("/dev/null")}) {
    EXPECT_NO_THROW(require_seekable_output(path)) << path;
  }
}

TEST_F(OutputPath, TheInputIsNoOutput) {
  const std::string file = put("f"), other = put("g");
  fs::create_symlink("f", folder_ + "/link");
  fs::create_hard_link(file, folder_ + "/hard");
  EXPECT_TRUE(same_file(file, folder_ + "/./link"));
  EXPECT_FALSE(same_file(file, other));
  EXPECT_FALSE(same_file(folder_ + "/none", folder_ + "/none"));
  EXPECT_THROW(refuse_to_overwrite(file, folder_ + "/link", "--output"), UsageError);
  EXPECT_THROW(refuse_to_overwrite(file, folder_ + "/hard", "--output"), UsageError);
  EXPECT_NO_THROW(refuse_to_overwrite(file, other, "--output"));
  EXPECT_NO_THROW(refuse_to_overwrite("/dev/null", "/dev/null", "--output"));
}

TEST_F(OutputPath, OutputsWithinAFolderThatIsReadAreRefused) {
  fs::create_directories(folder_ + "/a/b");
  fs::create_directory_symlink(folder_ + "/a", folder_ + "/link");
  for (const char* within : {"/a", "/a/", "/a/b", "/a/new/folder", "/link/new", "/a/../a/x"}) {
    EXPECT_TRUE(lies_in(folder_ + within, folder_ + "/a")) << within;
    EXPECT_TRUE(lies_in(folder_ + within, folder_ + "/a/")) << within;
    EXPECT_THROW(refuse_output_in(folder_ + "/a", folder_ + within, "--output"), UsageError);
  }
  for (const char* outside : {"", "/ab", "/a/../b", "/new"}) {
    EXPECT_FALSE(lies_in(folder_ + outside, folder_ + "/a")) << outside;
    EXPECT_NO_THROW(refuse_output_in(folder_ + "/a", folder_ + outside, "--output"));
  }
  EXPECT_TRUE(lies_in("new/folder", "."));
  EXPECT_FALSE(lies_in("", folder_) || lies_in(folder_, ""));
}

}  // namespace
}  // namespace pals
