#include "data/logit_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

class LogitCache : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "pals_logits_" + std::to_string(::getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What is found of the key, and what is said.
  std::optional<std::vector<float>> find(int64_t count, std::string* said = nullptr) const {
    testing::internal::CaptureStderr();
    auto found = find_logits(key_, count, folder_);
    const std::string text = testing::internal::GetCapturedStderr();
    if (said != nullptr) *said = text;
    return found;
  }

  std::string folder_;
  const std::string key_ = logit_key("teacher", {"features"}, "fp32");
  const std::vector<float> logits_ = {1.5F, -2.0F, 0.0F};
};

TEST_F(LogitCache, GivesBackWhatWasKept) {
  EXPECT_FALSE(find(3));
  keep_logits(key_, logits_, folder_);
  std::string said;
  EXPECT_EQ(find(3, &said), logits_);
  EXPECT_EQ(said, "");
  EXPECT_FALSE(find_logits(key_, 3, ""));
  keep_logits(key_, logits_, "");
}

TEST_F(LogitCache, KeysDifferInAllThatMatters) {
  EXPECT_NE(key_, logit_key("other", {"features"}, "fp32"));
  EXPECT_NE(key_, logit_key("teacher", {"other"}, "fp32"));
  EXPECT_NE(key_, logit_key("teacher", {"features"}, "bf16"));
  EXPECT_NE(logit_key("t", {"ab", "c"}, ""), logit_key("t", {"a", "bc"}, ""));
  EXPECT_EQ(key_.size(), 32U);
}

TEST_F(LogitCache, DamagedFilesAreNamedAndNotUsed) {
  keep_logits(key_, logits_, folder_);
  const std::string path = folder_ + "/" + key_ + ".logits";
  const std::string sound = read_file(path, 1 << 20);
  for (size_t place = 0; place < sound.size(); ++place) {
    if (place >= 12 && place < 16) continue;  // reserved
    std::string damaged = sound;
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    write_file_atomically(path, damaged);
    std::string said;
    EXPECT_FALSE(find(3, &said)) << place;
    EXPECT_NE(said.find(path), std::string::npos);
    EXPECT_NE(said.find("computed anew"), std::string::npos);
  }
  for (const size_t bytes : {size_t{0}, size_t{40}, sound.size() - 1}) {
    write_file_atomically(path, sound.substr(0, bytes));
    EXPECT_FALSE(find(3)) << bytes;
  }
  write_file_atomically(path, sound);
  EXPECT_FALSE(find(4)) << "of another number of rows";
  EXPECT_TRUE(find(3));
}

}  // namespace
}  // namespace pals
