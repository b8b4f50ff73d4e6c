#include "data/feature_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "features/test_tokens.h"

namespace pals {
namespace {

constexpr char kRows[] = "a b c\tyes\nd\tno\ne f g h i j k l m n\tno\n";

class FeatureCache : public testing::Test {
 protected:
  FeatureCache() { write_file_atomically(data_ / "train.tsv", kRows); }

  FeaturesPtr load() const {
    return load_features(task_, task_.files[0], data_.path(), tokenizer_, 8, cache_.path());
  }
  FeatureRequest request() const { return {task_, task_.files[0], data_.path(), tokenizer_, 8}; }
  std::string cached_file() const {
    const std::vector<std::string> names = list_directory(cache_.path());
    EXPECT_EQ(names.size(), 1U);
    return cache_ / names.at(0);
  }

  TestFolder data_, cache_;
  Task task_ = two_column_task();
  Tokenizer tokenizer_ = letter_tokenizer();
};

TEST_F(FeatureCache, KeepsWhatItMade) {
  EXPECT_EQ(find_features(request(), cache_.path()), nullptr);
  const FeaturesPtr made = load();
  ASSERT_EQ(made->num_rows(), 3);
  EXPECT_EQ(made->targets, (std::vector<float>{1, 0, 0}));
  EXPECT_EQ(made->row_offsets, (std::vector<int64_t>{0, 5, 8, 16}));
  const FeaturesPtr found = find_features(request(), cache_.path());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found, *made);
  EXPECT_EQ(*load(), *made);
  EXPECT_EQ(list_directory(cache_.path()).size(), 1U);
}

TEST_F(FeatureCache, SkippedRowsAreRemembered) {
  write_file_atomically(data_ / "train.tsv", "a\tyes\nb\nc\tno\n");
  task_.files[0].required_columns = 2;
  EXPECT_EQ(load()->skipped, 1);
  EXPECT_EQ(find_features(request(), cache_.path())->skipped, 1);
}

TEST_F(FeatureCache, AnythingThatMattersChangesTheKey) {
  std::set<std::string> keys = {request().key};
  const auto expect_new = [&](const FeatureRequest& changed) {
    EXPECT_TRUE(keys.insert(changed.key).second);
  };
  const DataFile& file = task_.files[0];
  const auto with_task = [&](const auto& change) {
    Task changed = task_;
    change(changed);
    expect_new({changed, file, data_.path(), tokenizer_, 8});
  };
  const auto with_file = [&](const auto& change) {
    DataFile changed = file;
    change(changed);
    expect_new({task_, changed, data_.path(), tokenizer_, 8});
  };
  expect_new({task_, file, data_.path(), tokenizer_, 9});
  expect_new({task_, file, data_.path(), Tokenizer(tokenizer_.vocabulary(), false), 8});
  const Vocabulary other =
      Vocabulary::from_text(tokenizer_.vocabulary().to_text() + "more\n", "more");
  expect_new({task_, file, data_.path(), Tokenizer(other, true), 8});
  with_task([](Task& task) { task.labels = {"yes", "no"}; });
  with_task([](Task& task) { task.labels = {"ye", "sno"}; });
  with_task([](Task& task) { task.kind = TaskKind::kRegression; });
  with_task([](Task& task) {
    task.kind = TaskKind::kRegression;
    task.label_scale = 5.0;
  });
  with_file([](DataFile& changed) { changed.format = FileFormat::kCsv; });
  with_file([](DataFile& changed) { changed.header = true; });
  with_file([](DataFile& changed) { changed.text_a = {1, ""}; });
  with_file([](DataFile& changed) { changed.text_a = {std::nullopt, "text"}; });
  with_file([](DataFile& changed) { changed.text_b = Column{1, ""}; });
  with_file([](DataFile& changed) { changed.label = std::nullopt; });
  with_file([](DataFile& changed) { changed.label = Column{0, ""}; });
  with_file([](DataFile& changed) { changed.required_columns = 2; });
  write_file_atomically(data_ / "train.tsv", std::string(kRows) + "a\tno\n");
  expect_new(request());

  // Names make no difference: the same bytes read the same way are the same features.
  write_file_atomically(data_ / "copy.tsv", kRows);
  Task renamed = task_;
  renamed.name = "other";
  renamed.files[0].path = "copy.tsv";
  EXPECT_FALSE(
      keys.insert(FeatureRequest(renamed, renamed.files[0], data_.path(), tokenizer_, 8).key)
          .second);
}

TEST_F(FeatureCache, EachDamagedByteAndEachLengthIsFoundOut) {
  const FeaturesPtr made = load();
  const std::string path = cached_file();
  const std::string good = read_file(path, 1 << 20);
  const FeatureRequest wanted = request();
  ASSERT_EQ(parse_feature_file(good, wanted.key, wanted.limits), *made);
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(parse_feature_file(good.substr(0, length), wanted.key, wanted.limits), Error);
  }
  EXPECT_THROW(parse_feature_file(good + "x", wanted.key, wanted.limits), Error);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_THROW(parse_feature_file(bad, wanted.key, wanted.limits), Error) << "byte " << at;
  }

  testing::internal::CaptureStderr();
  for (const size_t length : {size_t{0}, size_t{50}, good.size() / 2, good.size() - 1}) {
    write_file_atomically(path, std::string_view(good).substr(0, length));
    EXPECT_EQ(*load(), *made);
    EXPECT_EQ(read_file(path, 1 << 20), good);
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot be used"), std::string::npos);
}

TEST_F(FeatureCache, BelievesNoContentEvenWithARightChecksum) {
  const FeatureSet good = *load();
  const std::string path = cache_ / "crafted";
  const FeatureRequest wanted = request();
  const auto refuses = [&](const auto& change) {
    FeatureSet bad = good;
    change(bad);
    write_feature_file(path, wanted.key, bad);
    EXPECT_THROW(parse_feature_file(read_file(path, 1 << 20), wanted.key, wanted.limits), Error);
  };
  refuses([](FeatureSet& set) { set.token_ids[3] = -1; });
  refuses(
      [&](FeatureSet& set) { set.token_ids[3] = static_cast<int32_t>(wanted.limits.vocab_size); });
  refuses([](FeatureSet& set) { set.row_offsets[0] = 1; });
  refuses([](FeatureSet& set) { set.row_offsets[1] = set.row_offsets[2]; });
  refuses([](FeatureSet& set) { set.row_offsets[1] = std::numeric_limits<int64_t>::min(); });
  refuses([](FeatureSet& set) { set.row_offsets[1] = std::numeric_limits<int64_t>::max(); });
  refuses([](FeatureSet& set) { set.row_offsets[3] = 15; });
  refuses([](FeatureSet& set) { set.first_lengths[0] = 0; });
  refuses([](FeatureSet& set) { set.first_lengths[0] = 6; });
  refuses([](FeatureSet& set) { set.targets[1] = 2; });
  refuses([](FeatureSet& set) { set.targets[1] = -1; });
  refuses([](FeatureSet& set) { set.targets[1] = std::numeric_limits<float>::quiet_NaN(); });
  refuses([](FeatureSet& set) { set.target_offsets[1] = 2; });
  refuses([](FeatureSet& set) { set.target_offsets[1] = -1; });
  refuses([](FeatureSet& set) { set.skipped = -1; });

  // Rows longer than asked for, files of other text, sizes that overflow.
  write_feature_file(path, wanted.key, good);
  std::string bytes = read_file(path, 1 << 20);
  FeatureLimits shorter = wanted.limits;
  shorter.max_seq_length = 7;
  EXPECT_THROW(parse_feature_file(bytes, wanted.key, shorter), Error);
  EXPECT_THROW(parse_feature_file(bytes, std::string(32, '0'), wanted.limits), Error);
  for (const uint64_t rows : {uint64_t{1} << 61, (uint64_t{1} << 63) + 3, UINT64_MAX}) {
    std::memcpy(bytes.data() + offsetof(FeatureFileHeader, num_rows), &rows, sizeof(rows));
    const std::string checksum = feature_file_checksum(bytes);
    std::memcpy(bytes.data() + offsetof(FeatureFileHeader, checksum), checksum.data(), 32);
    EXPECT_THROW(parse_feature_file(bytes, wanted.key, wanted.limits), Error);
  }
}

TEST_F(FeatureCache, GoesOnWithoutAWritableCache) {
  write_file_atomically(data_ / "a_file", "");
  testing::internal::CaptureStderr();
  for (const std::string& dir : {data_ / "a_file/features", std::string()}) {
    const FeaturesPtr made = load_features(task_, task_.files[0], data_.path(), tokenizer_, 8, dir);
    EXPECT_EQ(made->num_rows(), 3);
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("not cached"), std::string::npos);
}

TEST_F(FeatureCache, DoesNotKeepFeaturesOfAFileThatChanged) {
  const FeatureRequest before = request();
  const FeaturesPtr made = load();
  unlink(cached_file().c_str());
  write_file_atomically(data_ / "train.tsv", "z\tno\n");
  testing::internal::CaptureStderr();
  keep_features(before, *made, cache_.path());
  testing::internal::GetCapturedStderr();
  EXPECT_TRUE(list_directory(cache_.path()).empty());
}

TEST_F(FeatureCache, ManyAtOnceAgree) {
  std::vector<FeaturesPtr> results(8);
  std::vector<std::thread> threads;
  for (FeaturesPtr& result : results) threads.emplace_back([&] { result = load(); });
  for (std::thread& thread : threads) thread.join();
  for (const FeaturesPtr& result : results) EXPECT_EQ(*result, *results[0]);
  EXPECT_EQ(list_directory(cache_.path()).size(), 1U);
}

TEST_F(FeatureCache, NamesMissingFilesAndImpossibleLengths) {
  EXPECT_THROW(FeatureRequest(task_, task_.files[0], data_.path(), tokenizer_, 2), UsageError);
  unlink((data_ / "train.tsv").c_str());
  try {
    load();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("train.tsv"), std::string::npos) << error.what();
  }
}

TEST(FeatureCacheFolder, FollowsTheEnvironment) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string old_cache = cache == nullptr ? "" : cache;
  const std::string old_home = home == nullptr ? "" : home;
  setenv("HOME", "/home/me", 1);
  setenv("XDG_CACHE_HOME", "/var/me", 1);
  EXPECT_EQ(feature_cache_dir("auto"), "/var/me/pals/features");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(feature_cache_dir("auto"), "/home/me/.cache/pals/features");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(feature_cache_dir("auto"), "/home/me/.cache/pals/features");
  unsetenv("HOME");
  EXPECT_EQ(feature_cache_dir("auto"), "");
  if (cache != nullptr) setenv("XDG_CACHE_HOME", old_cache.c_str(), 1);
  if (home != nullptr) setenv("HOME", old_home.c_str(), 1);
}

}  // namespace
}  // namespace pals
