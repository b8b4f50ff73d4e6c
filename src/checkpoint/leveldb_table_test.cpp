#include "checkpoint/leveldb_table.h"

#include "checkpoint/table_test_support.h"
#include "checkpoint/test_support.h"

namespace pals {
namespace {

using namespace std::string_literals;

std::string table_error(const std::string& bytes) {
  return error_of([&] { read_table(bytes, "t.index"); });
}

std::string block_error(const std::string& block) {
  std::vector<TableItem> items;
  return error_of([&] { read_table_block(block, "b", items); });
}

std::map<std::string, std::string> some_items(size_t count) {
  std::map<std::string, std::string> items = {{"", "header"}};
  for (size_t i = 0; i < count; ++i) {
    items["bert/layer_" + std::to_string(i % 7) + "/x" + std::to_string(i)] =
        std::string(i % 200, 'v');
  }
  return items;
}

TEST(LeveldbTable, ReadsItemsOfAllBlocks) {
  for (const size_t block_items : {1, 2, 7, 1000}) {
    const auto expected = some_items(50);
    const std::string bytes = table_bytes(expected, block_items);
    EXPECT_TRUE(looks_like_table(bytes));
    const std::vector<TableItem> items = read_table(bytes, "t");
    ASSERT_EQ(items.size(), expected.size());
    auto next = expected.begin();
    for (const TableItem& item : items) {
      EXPECT_EQ(item.key, next->first);
      EXPECT_EQ(item.value, next->second);
      ++next;
    }
  }
  EXPECT_TRUE(read_table(table_of_blocks({}), "t").empty());
}

TEST(LeveldbTable, RefusesDamagedBlocks) {
  const std::string entry = "\0\1\1av"s, restart = fixed_bytes(uint32_t{0});
  const std::string one = fixed_bytes(uint32_t{1}), two = fixed_bytes(uint32_t{2});
  EXPECT_EQ(block_error(entry + restart + one), "");
  const struct {
    std::string block;
    const char* expected;
  } cases[] = {
      {"", "a block with 0 bytes"},
      {"abc", "a block with 3 bytes"},
      {one, "1 restarts"},
      {entry + restart + fixed_bytes(~uint32_t{0}), "4294967295 restarts"},
      {entry + fixed_bytes(uint32_t{3}) + one, "a restart where no entry begins"},
      {entry + "\1\1\1bv" + restart + fixed_bytes(uint32_t{5}) + two, "a restart amid shared keys"},
      {"\1\1\1av" + restart + one, "shares 1 of 0 bytes"},
      {"\0\1\1bv\0\1\1av"s + restart + one, "key \"a\" after \"b\""},
      {"\0\1\1av\1\0\1v"s + restart + one, "key \"a\" after \"a\""},
      {"\0\1\7av"s + restart + one, "7 bytes expected where 1 are left"},
      {"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\1"s + restart + one, "a key of more than"},
      {"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\1"s + restart + one, "more than 64 bits"},
      {"\0\xff"s + restart + one, "1 bytes expected where 0 are left"},
  };
  for (const auto& [block, expected] : cases) {
    EXPECT_NE(block_error(block).find(expected), std::string::npos)
        << block_error(block) << ", expected " << expected;
  }
}

TEST(LeveldbTable, RefusesDamagedTables) {
  const std::string a = table_block({{"a", "1"}}), b = table_block({{"b", "2"}});
  const std::string good = table_of_blocks({{"a", a}, {"b", b}});
  EXPECT_EQ(table_error(good), "");
  EXPECT_NE(table_error("short").find("no magic number"), std::string::npos);
  EXPECT_NE(table_error(table_of_blocks({{"a", a}}, 1)).find("snappy"), std::string::npos);
  EXPECT_NE(table_error(table_of_blocks({{"a", a}}, 2)).find("compression type 2"),
            std::string::npos);
  EXPECT_NE(table_error(table_of_blocks({{"a", b}})).find("behind its block's last"),
            std::string::npos);
  EXPECT_NE(table_error(table_of_blocks({{"b", b}, {"c", a}})).find("key \"a\" after \"b\""),
            std::string::npos);
  std::string flipped = good;
  flipped[1] = static_cast<char>(flipped[1] ^ 1);
  EXPECT_NE(table_error(flipped).find("the block at byte 0 has a wrong checksum"),
            std::string::npos);

  // Blocks by handles of our choice.
  const auto with_handles = [&](const std::vector<std::pair<std::string, std::string>>& handles) {
    std::string table = with_trailer(a), footer;
    const std::string meta = table_block({}), index = table_block(handles, 1);
    footer = handle_bytes(table.size(), meta.size());
    table += with_trailer(meta);
    footer += handle_bytes(table.size(), index.size());
    table += with_trailer(index);
    footer.resize(40, '\0');
    return table_error(table + footer + fixed_bytes(uint64_t{0xdb4775248b80fb57}));
  };
  EXPECT_EQ(with_handles({{"a", handle_bytes(0, a.size())}}), "");
  EXPECT_NE(with_handles({{"a", handle_bytes(0, a.size())}, {"b", handle_bytes(0, a.size())}})
                .find("two blocks overlap"),
            std::string::npos);
  EXPECT_NE(with_handles({{"a", handle_bytes(0, a.size() + 1)}}).find("lies outside"),
            std::string::npos);
  EXPECT_NE(with_handles({{"a", handle_bytes(1, ~uint64_t{0})}}).find("lies outside"),
            std::string::npos);
  EXPECT_NE(with_handles({{"a", handle_bytes(~uint64_t{0}, 1)}}).find("lies outside"),
            std::string::npos);
}

TEST(LeveldbTable, BoundsItsMemory) {
  std::string block = "\0\xff\x07\0"s + std::string(1023, 'k');
  const std::string repeated = "\xff\x07\0\0"s;  // the same key again, without an end
  for (int i = 0; i < 1000; ++i) block += repeated;
  EXPECT_NE(block_error(block + fixed_bytes(uint32_t{0}) + fixed_bytes(uint32_t{1})).find("after"),
            std::string::npos);
  const std::string huge(kMaxTableBytes + 1, 'x');
  EXPECT_NE(table_error(huge).find("at most"), std::string::npos);
}

TEST(LeveldbTable, SurvivesDamage) {
  const std::string bytes = table_bytes(some_items(20), 5);
  const auto parse = [](const std::string& damaged) { read_table(damaged, "w"); };
  expect_errors_when_cut(bytes, parse);
  flip_bits(bytes, parse);
  const std::string block = table_block({{"a", "1"}, {"ab", "2"}, {"abc", "3"}}, 2);
  flip_bits(block, [](const std::string& damaged) {
    std::vector<TableItem> items;
    read_table_block(damaged, "w", items);
  });
}

}  // namespace
}  // namespace pals
