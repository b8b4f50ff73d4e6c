#include "hub/model_name.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

TEST(ModelNames, Parts) {
  const ModelName plain = parse_model_name("hf://sentence-transformers/all-MiniLM-L6-v2");
  EXPECT_EQ(plain.owner, "sentence-transformers");
  EXPECT_EQ(plain.name, "all-MiniLM-L6-v2");
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(plain.folder(), "models--sentence-transformers--all-MiniLM-L6-v2");
  const ModelName pinned = parse_model_name(concat("hf://a/b_c.1@", kCommit));
  EXPECT_EQ(pinned.revision, kCommit);
  EXPECT_TRUE(is_commit(pinned.revision));
  EXPECT_EQ(pinned.text(), concat("hf://a/b_c.1@", kCommit));
  const ModelName without_owner = parse_model_name("hf://bert-base-uncased@refs/pr/3");
  EXPECT_EQ(without_owner.repository(), "bert-base-uncased");
  EXPECT_EQ(without_owner.folder(), "models--bert-base-uncased");
  EXPECT_EQ(without_owner.revision, "refs/pr/3");
}

TEST(ModelNames, PathsAreNone) {
  for (const char* path : {"", "minilm", "/hf://a/b", "hf:/a/b", "HF://a/b", "https://a/b"}) {
    EXPECT_FALSE(is_model_name(path)) << path;
  }
}

TEST(ModelNames, HostileNamesAreRefused) {
  for (const char* rest :
       {"",       "/",      "a/",       "/b",         "a/b/c",      "../b",    "a/..",
        "./b",    "a/.",    "a/.b",     "-a/b",       "a/b-",       "a--b/c",  "a/b--c",
        "a/b..c", "a b/c",  "a/b\n",    "a/b?x=1",    "a/b#x",      "a/b%2e",  "a\\b",
        "a/b@",   "a/b@..", "a/b@../c", "a/b@x/../y", "a/b@/x",     "a/b@x/",  "a/b@x//y",
        "a/b@-x", "a/b@.x", "a/b@x y",  "a/b@x?y",    "a/b@x.lock", "a/b@x@y", "\xC3\xA9/b"}) {
    EXPECT_THROW(parse_model_name(concat("hf://", rest)), UsageError) << rest;
  }
  EXPECT_THROW(parse_model_name("hf://a/" + std::string(97, 'b')), UsageError);
  EXPECT_THROW(parse_model_name("hf://a/b@" + std::string(201, 'c')), UsageError);
  EXPECT_THROW(parse_model_name(std::string("hf://a/b\0c", 10)), UsageError);
}

TEST(ModelNames, CommitsAreWhole) {
  EXPECT_TRUE(is_commit(kCommit));
  for (const char* revision : {"main", "0123456", "0123456789ABCDEF0123456789abcdef01234567"}) {
    EXPECT_FALSE(is_commit(revision)) << revision;
  }
}

TEST(FileNames, StayBelowTheirFolder) {
  for (const char* name :
       {"config.json", "adapters/sst/pals_adapter.json", "a b", "\xC3\xA9", "..a"}) {
    EXPECT_TRUE(is_plain_file_name(name)) << name;
  }
  for (const char* name : {"", "/etc/passwd", "..", "../x", "a/../b", "a/./b", "a//b", "a/", "a\\b",
                           "a\nb", "1/2/3/4/5/6/7/8/9"}) {
    EXPECT_FALSE(is_plain_file_name(name)) << name;
  }
  EXPECT_FALSE(is_plain_file_name(std::string("a\0b", 3)));
  EXPECT_FALSE(is_plain_file_name(std::string(256, 'a')));
}

TEST(FileNames, PartsOfUrls) {
  EXPECT_EQ(url_part("a b/c?d#e%", true), "a%20b/c%3Fd%23e%25");
  EXPECT_EQ(url_part("refs/pr/1", false), "refs%2Fpr%2F1");
  EXPECT_EQ(url_part("\xC3\xA9", true), "%C3%A9");
}

}  // namespace
}  // namespace pals
