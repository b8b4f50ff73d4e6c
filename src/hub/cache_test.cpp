#include "hub/cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pals-hub-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& path, const std::string& text) {
    make_directories(fs::path(path).parent_path().string());
    write_file_atomically(path, text);
  }

  std::string folder_;
  ModelName name_ = parse_model_name("hf://some/model");
};

TEST_F(Cache, LinksLeadToBlobs) {
  const CachedModel cached(folder_, name_);
  write(cached.blob("abc"), "content");
  cached.link(kCommit, "config.json", "abc");
  cached.link(kCommit, "adapters/sst/pals_adapter.json", "abc");
  cached.link(kCommit, "config.json", "abc");  // again
  const std::string snapshot = folder_ + "/models--some--model/snapshots/" + kCommit;
  EXPECT_EQ(cached.snapshot(kCommit), snapshot);
  EXPECT_EQ(fs::read_symlink(snapshot + "/config.json"), "../../blobs/abc");
  EXPECT_EQ(fs::read_symlink(snapshot + "/adapters/sst/pals_adapter.json"),
            "../../../../blobs/abc");
  EXPECT_EQ(read_file(snapshot + "/adapters/sst/pals_adapter.json", 100), "content");
}

TEST_F(Cache, Refs) {
  const CachedModel cached(folder_, name_);
  EXPECT_EQ(cached.commit_of("main"), std::nullopt);
  EXPECT_EQ(cached.commit_of(kCommit), kCommit);
  cached.write_ref("main", kCommit);
  cached.write_ref("refs/pr/1", kCommit);
  EXPECT_EQ(read_file(folder_ + "/models--some--model/refs/main", 100), kCommit);
  EXPECT_EQ(cached.commit_of("refs/pr/1"), kCommit);
  write(folder_ + "/models--some--model/refs/main", "../../../etc");
  EXPECT_THROW(cached.commit_of("main"), Error);
}

TEST_F(Cache, WholeOnlyWithAllItsFiles) {
  const CachedModel cached(folder_, name_);
  EXPECT_FALSE(cached.is_whole(kCommit));
  write(cached.blob("abc"), "content");
  cached.link(kCommit, "config.json", "abc");
  cached.mark_whole(kCommit, {"config.json"});
  EXPECT_TRUE(cached.is_whole(kCommit));
  fs::remove(cached.blob("abc"));
  EXPECT_FALSE(cached.is_whole(kCommit));
}

TEST_F(Cache, NamesOfSnapshots) {
  const std::string snapshot = CachedModel(folder_, name_).snapshot(kCommit);
  const std::string name = concat("hf://some/model@", kCommit);
  EXPECT_EQ(name_of_snapshot(snapshot), name);
  EXPECT_EQ(name_of_snapshot(snapshot + "/"), name);
  EXPECT_EQ(name_of_snapshot(concat("/x/models--bert/snapshots/", kCommit)),
            concat("hf://bert@", kCommit));
  for (const std::string& path :
       {std::string(), std::string("minilm"), snapshot + "/config.json",
        concat("/x/models--a--b--c/snapshots/", kCommit), concat("/x/other/snapshots/", kCommit)}) {
    EXPECT_EQ(name_of_snapshot(path), path);
  }
}

}  // namespace
}  // namespace pals
