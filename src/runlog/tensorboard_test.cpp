#include "runlog/tensorboard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

// Bytes that the protocol buffers of the package `tensorboard` 2.19 give for the same event.
TEST(Tensorboard, AnEventIsAProtocolBuffer) {
  const std::string event = scalar_event("loss/rte", 0.5, 300, 2.0);
  EXPECT_EQ(event, std::string("\x09\x00\x00\x00\x00\x00\x00\x00\x40"
                               "\x10\xac\x02"
                               "\x2a\x11\x0a\x0f\x0a\x08loss/rte\x15\x00\x00\x00\x3f",
                               9 + 3 + 19));
}

TEST(Tensorboard, ARecordHasItsLengthAndTwoChecksums) {
  // Those are what the package's masked_crc32c() gives.
  EXPECT_EQ(event_record("abc"), std::string("\x03\0\0\0\0\0\0\0\xb0\x99\x49\x0e"
                                             "abc\x6e\x57\xf1\x21",
                                             8 + 4 + 3 + 4));
}

TEST(Tensorboard, AFolderThatCannotBeMadeIsAnError) {
  const std::string path = testing::TempDir() + "pals_board_" + std::to_string(::getpid());
  write_file_atomically(path, "a file");
  EXPECT_THROW(TensorboardWriter(path, 0), Error);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace pals
