#include "base/input_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace pals {
namespace {

class InputStreamTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) {
    return ::testing::TempDir() + "/pals_input_" + std::to_string(::getpid()) + "_" + name;
  }
};

TEST_F(InputStreamTest, ReadsAFileInPieces) {
  const std::string file = path("file");
  std::ofstream(file) << "abcdefg";
  InputStream input(file);
  EXPECT_EQ(input.name(), file);
  std::string buffer = "x";
  EXPECT_TRUE(input.at_hand(0));
  EXPECT_TRUE(input.read(buffer, 4));
  EXPECT_EQ(buffer, "xabcd");
  EXPECT_TRUE(input.read(buffer, 100));
  EXPECT_EQ(buffer, "xabcdefg");
  EXPECT_TRUE(input.at_hand(0));  // the end is at hand too
  EXPECT_FALSE(input.read(buffer, 100));
  EXPECT_EQ(buffer, "xabcdefg");
  std::filesystem::remove(file);
}

TEST_F(InputStreamTest, SizeOfARegularFile) {
  const std::string file = path("size");
  for (const std::string& content : {std::string(), std::string("abc"), std::string(70000, 'x')}) {
    std::ofstream(file) << content;
    EXPECT_EQ(InputStream(file).size(), content.size());
  }
  // `printf 'hello hello\n' | gzip -n`
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9"
      "\xc9\x57\xc8\x00\x91\x5c\x00\xa5\x6a\x0a\x44\x0c\x00\x00\x00",
      29);
  std::ofstream(file) << packed;
  EXPECT_EQ(InputStream(file).size(), 12U);
  std::filesystem::remove(file);
  EXPECT_THROW(InputStream("-").size(), Error);
}

TEST_F(InputStreamTest, KnowsWhetherAPipeHasBytes) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int writer = ::open(pipe.c_str(), O_RDWR);  // opens without a reader
  InputStream input(pipe);
  EXPECT_FALSE(input.at_hand(1));
  ASSERT_EQ(::write(writer, "hi", 2), 2);
  EXPECT_TRUE(input.at_hand(1000));
  std::string buffer;
  EXPECT_TRUE(input.read(buffer, 100));
  EXPECT_EQ(buffer, "hi");
  EXPECT_FALSE(input.at_hand(0));
  ::close(writer);
  EXPECT_TRUE(input.at_hand(1000));
  EXPECT_FALSE(input.read(buffer, 100));
  std::filesystem::remove(pipe);
}

TEST_F(InputStreamTest, SaysWhatCannotBeOpened) {
  EXPECT_THROW(InputStream(path("missing")), Error);
  const std::string folder = ::testing::TempDir();
  EXPECT_THROW(InputStream{folder}, Error);
  EXPECT_EQ(InputStream("-").name(), "standard input");
}

}  // namespace
}  // namespace pals
