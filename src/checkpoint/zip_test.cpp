#include "checkpoint/zip.h"

#include <zlib.h>

#include "checkpoint/test_support.h"

namespace pals {
namespace {

std::string number(uint64_t value, size_t size) {
  return std::string(reinterpret_cast<const char*>(&value), size);
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

/// An archive put together by hand; each field can be set wrong.
struct HandMade {
  struct Item {
    std::string name;
    std::string bytes;
    uint16_t flags = 0;
    uint16_t method = 0;
    std::string local_name = "";    ///< if it differs
    uint32_t local_size_minus = 0;  ///< error of the local header's size
    int64_t offset_minus = 0;       ///< error of the directory's offset
  };

  static std::string build(const std::vector<Item>& items, int64_t count_error = 0) {
    std::string archive, directory;
    for (const Item& item : items) {
      const std::string& local_name = item.local_name.empty() ? item.name : item.local_name;
      const bool later = (item.flags & 8) != 0;
      const uint64_t size = item.bytes.size();
      const uint64_t offset = archive.size() - static_cast<uint64_t>(item.offset_minus);
      archive += "PK\x03\x04" + number(20, 2) + number(item.flags, 2) + number(item.method, 2) +
                 number(0, 4) + number(later ? 0 : checksum(item.bytes), 4) +
                 number(later ? 0 : size - item.local_size_minus, 4) +
                 number(later ? 0 : size - item.local_size_minus, 4) +
                 number(local_name.size(), 2) + number(0, 2) + local_name + item.bytes;
      if (later) {
        archive +=
            "PK\x07\x08" + number(checksum(item.bytes), 4) + number(size, 4) + number(size, 4);
      }
      directory += "PK\x01\x02" + number(20, 2) + number(20, 2) + number(item.flags, 2) +
                   number(item.method, 2) + number(0, 4) + number(checksum(item.bytes), 4) +
                   number(size, 4) + number(size, 4) + number(item.name.size(), 2) + number(0, 8) +
                   number(0, 4) + number(offset, 4) + item.name;
    }
    const uint64_t count = items.size() + static_cast<uint64_t>(count_error);
    const uint64_t offset = archive.size();
    return archive + directory + "PK\x05\x06" + number(0, 4) + number(count, 2) + number(count, 2) +
           number(directory.size(), 4) + number(offset, 4) + number(0, 2);
  }
};

std::string zip_error(const std::string& archive) {
  return error_of([&] { read_stored_zip(archive, "w"); });
}

TEST(Zip, ReadsWhatItWrites) {
  for (const bool force_zip64 : {false, true}) {
    TemporaryPath path;
    const std::string large(100'000, 'q');
    ZipWriter writer(path.str(), force_zip64);
    writer.add("root/a", "hello");
    writer.add("root/empty", "");
    writer.add("root/data/0", large);
    EXPECT_FALSE(file_exists(path.str()));
    writer.commit();
    const std::string archive = read_test_file(path.str());
    const std::vector<ZipEntry> entries = read_stored_zip(archive, "w");
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].name, "root/a");
    EXPECT_EQ(entries[0].bytes, "hello");
    EXPECT_EQ(entries[1].bytes, "");
    EXPECT_EQ(entries[2].bytes, large);
    for (const ZipEntry& entry : entries) EXPECT_EQ((entry.bytes.data() - archive.data()) % 64, 0);
  }
}

TEST(Zip, ReadsForeignArchives) {
  const std::string archive = HandMade::build({{.name = "root/", .bytes = ""},
                                               {.name = "root/a", .bytes = "1"},
                                               {.name = "root/b", .bytes = "22", .flags = 8}});
  const std::vector<ZipEntry> entries = read_stored_zip(archive, "w");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].bytes, "22");
  std::string commented = archive;
  commented.replace(commented.size() - 2, 2, number(5, 2));
  EXPECT_EQ(read_stored_zip(commented + "hello", "w").size(), 2u);
  EXPECT_TRUE(read_stored_zip(HandMade::build({}), "w").empty());
}

TEST(Zip, RefusesNamesThatLeaveTheArchive) {
  for (const char* name : {"/etc/passwd", "../a", "a/../b", "a/..", "a\\b", "C:a", "a//b", "./a",
                           "a\nb", "", "..", "/"}) {
    EXPECT_NE(zip_error(HandMade::build({{.name = name, .bytes = "1"}})).find("refused"),
              std::string::npos)
        << name;
  }
  EXPECT_EQ(zip_error(HandMade::build({{.name = "a/.data/..b", .bytes = "1"}})), "");
}

TEST(Zip, RefusesInconsistentArchives) {
  using Items = std::vector<HandMade::Item>;
  const struct {
    Items items;
    const char* expected;
  } cases[] = {
      {{{.name = "a", .bytes = "1"}, {.name = "a", .bytes = "2"}}, "is there twice"},
      {{{.name = "a", .bytes = "1", .method = 8}}, "compressed"},
      {{{.name = "a", .bytes = "1", .flags = 1}}, "encrypted"},
      {{{.name = "a", .bytes = "1", .local_name = "b"}}, "two headers that differ"},
      {{{.name = "a", .bytes = "12", .local_size_minus = 1}}, "two headers that differ"},
      {{{.name = "a", .bytes = "12", .offset_minus = -1000}}, "outside the file"},
      {{{.name = "a", .bytes = "12", .offset_minus = -1}}, "has no header"},
      {{{.name = "a", .bytes = "12", .offset_minus = 1}}, "lacks its zip64 field"},
      {{{.name = "a", .bytes = "12"}, {.name = "b", .bytes = "1", .offset_minus = 1}}, "overlaps"},
      {{{.name = "a/", .bytes = "12"}}, "folder with data"},
  };
  for (const auto& [items, expected] : cases) {
    const std::string error = zip_error(HandMade::build(items));
    EXPECT_NE(error.find(expected), std::string::npos) << error << ", expected " << expected;
  }
  for (const int64_t count_error : {-1, 1}) {
    EXPECT_NE(zip_error(HandMade::build({{.name = "a", .bytes = "1"}}, count_error))
                  .find("directory entries, expected"),
              std::string::npos);
  }
}

/// Many directory entries over one piece of data: small file, endless content.
TEST(Zip, RefusesOverlapBombs) {
  const std::string body(1000, 'x');
  std::vector<HandMade::Item> items = {{.name = "a", .bytes = body}};
  const std::string once = HandMade::build(items);
  const size_t directory = once.find("PK\x01\x02");
  const std::string entry = once.substr(directory, 47);
  std::string bomb = once.substr(0, directory);
  for (int copy = 0; copy < 1000; ++copy) bomb += entry.substr(0, 46) + std::string(1, 'a');
  bomb += "PK\x05\x06" + number(0, 4) + number(1000, 2) + number(1000, 2) + number(47 * 1000, 4) +
          number(directory, 4) + number(0, 2);
  EXPECT_NE(zip_error(bomb).find("is there twice"), std::string::npos);
}

TEST(Zip, SurvivesDamage) {
  TemporaryPath path;
  ZipWriter writer(path.str(), true);
  writer.add("root/a", "hello");
  writer.add("root/b", "world");
  writer.commit();
  const std::string archive = read_test_file(path.str());
  expect_errors_when_cut(archive, [](const std::string& cut) { read_stored_zip(cut, "w"); });
  // Whatever bit flips: an Error, or the true content.
  flip_bits(archive, [](const std::string& damaged) {
    const std::vector<ZipEntry> entries = read_stored_zip(damaged, "w");
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].bytes, "hello");
    EXPECT_EQ(entries[1].bytes, "world");
  });
}

}  // namespace
}  // namespace pals
