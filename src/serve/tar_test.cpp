#include "serve/tar.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace pals {
namespace {

/// An entry as ustar has it.
std::string entry(const std::string& name, const std::string& bytes, char type = '0') {
  std::string header(512, '\0');
  std::memcpy(header.data(), name.data(), std::min<size_t>(name.size(), 100));
  std::snprintf(header.data() + 124, 12, "%011zo", bytes.size());
  header[156] = type;
  std::memcpy(header.data() + 257, "ustar", 6);
  std::memset(header.data() + 148, ' ', 8);
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  std::string padded = bytes;
  padded.resize((bytes.size() + 511) / 512 * 512);
  return header + padded;
}

const std::string kEnd(1024, '\0');

TEST(Tar, FilesInOrder) {
  const std::string archive =
      entry("./", "", '5') + entry("./a/b.json", "{}") + entry("c", std::string(600, 'x')) + kEnd;
  const std::vector<TarEntry> files = read_tar(archive, "tar");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "a/b.json");
  EXPECT_EQ(files[0].bytes, "{}");
  EXPECT_EQ(files[1].bytes, std::string(600, 'x'));
}

TEST(Tar, LongNames) {
  const std::string name = std::string(120, 'n') + "/file";
  const std::string record = "path=" + name + "\n";
  const std::string extended = std::to_string(record.size() + 4) + " " + record;
  const std::string archive = entry("././@LongLink", name + '\0', 'L') + entry("cut", "1") +
                              entry("pax", "13 mtime=1.5\n" + extended, 'x') + entry("cut", "2") +
                              entry("plain", "3");
  EXPECT_THROW(read_tar(archive, "tar"), Error);  // the same name twice
  const std::vector<TarEntry> files = read_tar(archive.substr(1024 + 1024) + kEnd, "tar");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, name);
  EXPECT_EQ(files[1].name, "plain");
}

TEST(Tar, RefusesWhatIsNoArchiveOrLeavesIt) {
  std::string damaged = entry("a", "1");
  damaged[3] = 'x';
  for (const std::string& bad :
       {std::string(), kEnd, std::string(600, 'x'), damaged, entry("../a", "1"), entry("/a", "1"),
        entry("a/../../b", "1"), entry("a\\b", "1"), entry("a", "", '2'), entry("a", "", '3'),
        entry("a", std::string(600, 'x')).substr(0, 700), entry("a", "1") + entry("./a", "2")}) {
    EXPECT_THROW(read_tar(bad, "tar"), Error);
  }
}

}  // namespace
}  // namespace pals
