#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

/// A folder of its own for each test, removed afterwards.
class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pals_file_test_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }

  std::string folder_;
};

template <typename Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

/// Lets no file of this process grow past `bytes`, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(FileTest, ReadsWholeFiles) {
  const std::string content("a\0b\r\n\xff", 6);
  put("f", content);
  EXPECT_EQ(read_file(path("f"), 6), content);
  put("empty", "");
  EXPECT_EQ(read_file(path("empty"), 0), "");
  const std::string large(100'000, 'x');
  put("large", large);
  EXPECT_EQ(read_file(path("large"), 1'000'000), large);
}

TEST_F(FileTest, RefusesFilesOverTheLimit) {
  put("f", "1234567");
  expect_contains(message_of([&] { read_file(path("f"), 6); }), "has 7 bytes, at most 6");
  // A device does not tell its size: the limit must hold while reading.
  expect_contains(message_of([&] { read_file("/dev/zero", 10'000); }), "more than 10000");
}

TEST_F(FileTest, ReadsPipes) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    put("pipe", std::string(9000, 'p'));
    ::_exit(0);
  }
  EXPECT_EQ(read_file(path("pipe"), 10'000), std::string(9000, 'p'));
}

TEST_F(FileTest, NamesWhatCannotBeRead) {
  const std::string missing = path("missing");
  for (const std::string& message : {message_of([&] { read_file(missing, 9); }),
                                     message_of([&] { MappedFile file(missing); })}) {
    expect_contains(message, missing);
    expect_contains(message, "No such file");
  }
  for (const std::string& message : {message_of([&] { read_file(folder_, 9); }),
                                     message_of([&] { MappedFile file(folder_); })}) {
    expect_contains(message, folder_);
    expect_contains(message, "is a folder");
  }
  expect_contains(message_of([] { MappedFile file("/dev/null"); }), "not a regular file");
  expect_contains(message_of([] { read_file("", 9); }), "empty file name");
  expect_contains(message_of([] { read_file(std::string("a\0b", 3), 9); }), "NUL");
}

TEST_F(FileTest, MapsFilesAndMovesMaps) {
  put("f", "content");
  put("empty", "");
  MappedFile file(path("f"));
  EXPECT_EQ(file.bytes(), "content");
  MappedFile moved(std::move(file));
  EXPECT_EQ(moved.bytes(), "content");
  MappedFile empty(path("empty"));
  EXPECT_EQ(empty.bytes(), "");
  empty = std::move(moved);
  EXPECT_EQ(empty.bytes(), "content");
  EXPECT_EQ(empty.path(), path("f"));
}

TEST_F(FileTest, WritesAppearOnlyOnCommit) {
  put("f", "old");
  {
    AtomicFile file(path("f"));
    file.write("new ");
    file.write(std::string(3 << 20, 'x'));  // more than the buffer holds
    file.write(" end");
    EXPECT_EQ(read_file(path("f"), 9), "old");
    EXPECT_EQ(list_directory(folder_).size(), 2U);
    file.commit();
    EXPECT_THROW(file.write("late"), std::logic_error);
    EXPECT_THROW(file.commit(), std::logic_error);
  }
  EXPECT_EQ(read_file(path("f"), 4 << 20), "new " + std::string(3 << 20, 'x') + " end");
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"f"});
}

TEST_F(FileTest, AbandonedWritesLeaveNoTrace) {
  put("f", "old");
  {
    AtomicFile file(path("f"));
    file.write("new");
  }
  EXPECT_EQ(read_file(path("f"), 9), "old");
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"f"});
}

TEST_F(FileTest, FullDiskIsAnErrorAndLeavesTheOldFile) {
  put("f", "old");
  std::string while_writing;
  std::string while_committing;
  {
    const FileSizeLimit limit(4096);
    while_writing = message_of([&] {
      AtomicFile file(path("f"));
      for (int i = 0; i < 3; ++i) file.write(std::string(1 << 20, 'x'));
    });
    while_committing =
        message_of([&] { write_file_atomically(path("f"), std::string(5000, 'x')); });
  }
  for (const std::string& message : {while_writing, while_committing}) {
    expect_contains(message, "cannot write " + path("f"));
    expect_contains(message, "File too large");
  }
  EXPECT_EQ(read_file(path("f"), 9), "old");
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"f"});
}

TEST_F(FileTest, FollowsLinks) {
  make_directories(path("real"));
  put("real/f", "old");
  std::filesystem::create_symlink("real/f", path("link"));
  std::filesystem::create_symlink(path("link"), path("second"));
  std::filesystem::create_symlink("real/new", path("dangling"));
  std::filesystem::create_symlink("loop", path("loop"));
  write_file_atomically(path("second"), "new");
  write_file_atomically(path("dangling"), "made");
  EXPECT_TRUE(std::filesystem::is_symlink(path("second")));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("real/f"), 9), "new");
  EXPECT_EQ(read_file(path("real/new"), 9), "made");
  expect_contains(message_of([&] { AtomicFile file(path("loop")); }), "cannot write");
  EXPECT_EQ(list_directory(path("real")), (std::vector<std::string>{"f", "new"}));
}

TEST_F(FileTest, WritesThroughPipes) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  char got[16] = {};
  {
    AtomicFile file(path("pipe"));
    file.write("first");
    EXPECT_EQ(::read(reader, got, sizeof(got)), 5);
    file.write("second");
    file.commit();
    EXPECT_EQ(::read(reader, got, sizeof(got)), 6);
  }
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"pipe"});
}

TEST_F(FileTest, WritesThroughDevicesAndOpenFiles) {
  std::filesystem::create_symlink("/dev/full", path("full"));
  expect_contains(message_of([&] { write_file_atomically(path("full"), "x"); }), "No space left");
  AtomicFile("/dev/null").commit();
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  // A name of a file that this process has open goes on where that stands, as a shell's >> means
  // it.
  put("log", "before ");
  const int log = ::open(path("log").c_str(), O_WRONLY | O_APPEND);
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(log), path("standard"));
  write_file_atomically(path("standard"), "after");
  EXPECT_EQ(read_file(path("log"), 99), "before after");
  ::close(log);
  EXPECT_TRUE(std::filesystem::is_symlink(path("standard")));
}

TEST_F(FileTest, RefusesPlacesThatCannotBeWritten) {
  expect_contains(message_of([&] { AtomicFile file(folder_); }), "is a folder");
  expect_contains(message_of([&] { AtomicFile file(path("no/f")); }), "No such file");
  EXPECT_TRUE(list_directory(folder_).empty());
}

TEST_F(FileTest, FailsWhenTheTargetBecomesAFolder) {
  AtomicFile file(path("f"));
  make_directories(path("f/inner"));
  expect_contains(message_of([&] { file.commit(); }), "cannot write " + path("f"));
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"f"});
}

TEST_F(FileTest, MakesAndListsFolders) {
  make_directories(path("a/b/c"));
  make_directories(path("a/b/c/"));
  EXPECT_TRUE(directory_exists(path("a/b/c")));
  EXPECT_FALSE(file_exists(path("a")));
  put("a/z", "");
  put("a/B", "");
  EXPECT_TRUE(file_exists(path("a/z")));
  EXPECT_FALSE(file_exists(path("a/y")));
  EXPECT_EQ(list_directory(path("a")), (std::vector<std::string>{"B", "b", "z"}));
  expect_contains(message_of([&] { list_directory(path("none")); }), path("none"));
  expect_contains(message_of([&] { make_directories(path("a/z/deeper")); }), path("a/z/deeper"));
  expect_contains(message_of([&] { make_directories(path("a/z")); }), path("a/z"));
}

TEST_F(FileTest, OverwritesWhatWasWrittenBefore) {
  const std::string body(3 << 20, 'b');  // past the buffer
  AtomicFile file(path("f"));
  file.write("????");
  file.write(body);
  file.write_at(1, "ab");
  file.write("end");
  file.commit();
  EXPECT_EQ(read_file(path("f"), 4 << 20), "?ab?" + body + "end");
}

}  // namespace
}  // namespace pals
