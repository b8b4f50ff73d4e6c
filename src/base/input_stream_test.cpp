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
