#include "data/cache_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

class CacheLimit : public testing::Test {
 protected:
  void add(const std::string& name, size_t bytes, int hours_ago) const {
    write_file_atomically(folder_ / name, std::string(bytes, 'x'));
    std::filesystem::last_write_time(folder_ / name, std::filesystem::file_time_type::clock::now() -
                                                         std::chrono::hours(hours_ago));
  }
  std::vector<std::string> names() const { return list_directory(folder_.path()); }

  TestFolder folder_;
};

using Names = std::vector<std::string>;

const std::string kA = std::string(32, 'a') + ".features", kB = std::string(32, 'b') + ".features",
                  kC = std::string(32, '0') + ".features";

TEST_F(CacheLimit, RemovesWhatWasNotUsedForLongest) {
  add(kA, 100, 2);
  add(kB, 100, 4);
  add(kC, 100, 3);
  limit_feature_cache(folder_.path(), 300);
  EXPECT_EQ(names(), (Names{kC, kA, kB}));
  limit_feature_cache(folder_.path(), 299);
  EXPECT_EQ(names(), (Names{kC, kA}));
  mark_used(folder_ / kC);
  limit_feature_cache(folder_.path(), 199);
  EXPECT_EQ(names(), (Names{kC}));
}

TEST_F(CacheLimit, KeepsWhatIsInUseAndWhatIsNotItsOwn) {
  add(kA, 100, 0);
  add(kB, 100, 2);
  add(kC + ".tmp.17.1", 100, 2);
  const Names others = {"my.features", "0" + kC, kC + ".bak", kC.substr(1), "notes.txt"};
  for (const std::string& name : others) add(name, 100, 100);
  std::filesystem::create_directory(folder_ / kC);
  limit_feature_cache(folder_.path(), 0);
  Names left = others;
  left.insert(left.end(), {kA, kC});
  std::ranges::sort(left);
  EXPECT_EQ(names(), left);
}

TEST_F(CacheLimit, IsSilentAboutWhatIsMissing) {
  mark_used(folder_ / "none.features");
  limit_feature_cache(folder_ / "none", 0);
  EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace pals
