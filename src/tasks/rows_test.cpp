#include "tasks/rows.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows read_rows(FileFormat format, std::string_view bytes, std::vector<std::string> keys = {}) {
  const auto reader = make_row_reader(format, bytes, "f", std::move(keys));
  Rows rows;
  std::vector<std::string_view> fields;
  while (reader->next(fields)) rows.emplace_back(fields.begin(), fields.end());
  return rows;
}

std::string row_error(FileFormat format, std::string_view bytes,
                      const std::vector<std::string>& keys = {}) {
  return message_of([&] { read_rows(format, bytes, keys); });
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("plain ascii of more than eight bytes"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\xED\x9F\xBF\xF4\x8F\xBF\xBF"),
            std::nullopt);
  EXPECT_EQ(find_invalid_utf8("caf\xE9 au lait"), 3U);
  EXPECT_EQ(find_invalid_utf8("\x80"), 0U);
  EXPECT_EQ(find_invalid_utf8("0123456789\xC3"), 10U) << "cut off";
  EXPECT_EQ(find_invalid_utf8("\xC0\xAF"), 0U) << "overlong";
  EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0U) << "overlong";
  EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U) << "overlong";
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U) << "surrogate";
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U) << "past U+10FFFF";
  EXPECT_EQ(find_invalid_utf8("ab\xE4\xB8x"), 2U) << "third byte";
}

TEST(TsvReader, CutsAtTabsAndLeavesQuotesAlone) {
  const Rows rows = read_rows(FileFormat::kTsv, "a\t\"b\t\nc \"d\"\t\t,e\n");
  EXPECT_EQ(rows, (Rows{{"a", "\"b", ""}, {"c \"d\"", "", ",e"}}));
}

TEST(TsvReader, DropsByteOrderMarkAndCarriageReturnsOfLineEnds) {
  EXPECT_EQ(read_rows(FileFormat::kTsv,
                      "\xEF\xBB\xBF"
                      "a\tb\r\n\r\nc\td\r\n\r\n\n"),
            (Rows{{"a", "b"}, {""}, {"c", "d"}, {""}, {""}}));
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a"), (Rows{{"a"}}));
  EXPECT_EQ(read_rows(FileFormat::kTsv, "\n\r\n"), (Rows{{""}, {""}}));
}

TEST(LineEnds, CarriageReturnsEndLinesWhereTheyAreTheMost) {
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a\tb\rc\td\r"), (Rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a\rb\rc\n"), (Rows{{"a"}, {"b"}, {"c"}})) << "an editor's";
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a\rb\r\nc\rd\re"),
            (Rows{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}));
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a\rb\nc"), (Rows{{"a\rb"}, {"c"}})) << "text";
  EXPECT_EQ(read_rows(FileFormat::kTsv, "x\na\rb\rc\rd"), (Rows{{"x"}, {"a\rb\rc\rd"}}));
  EXPECT_EQ(read_rows(FileFormat::kCsv, "t,l\r\"a\nb\nc\",1\r\"d\r\",2\r"),
            (Rows{{"t", "l"}, {"a\nb\nc", "1"}, {"d\r", "2"}}));
  EXPECT_EQ(read_rows(FileFormat::kCsv, "t,l\n\"a\rb\rc\",1\n"),
            (Rows{{"t", "l"}, {"a\rb\rc", "1"}}));
  EXPECT_EQ(read_rows(FileFormat::kJsonl, "{\"a\": 1}\r{\"a\": 2}\r", {"a"}), (Rows{{"1"}, {"2"}}));
  const auto reader = make_row_reader(FileFormat::kCsv, "a\r\"b\rc\"\rd", "f", {});
  std::vector<std::string_view> fields;
  for (const int64_t line : {1, 2, 4}) {
    ASSERT_TRUE(reader->next(fields));
    EXPECT_EQ(reader->line(), line);
  }
}

TEST(LineEnds, AreNotKnownTooEarly) {
  EXPECT_EQ(find_line_ends("a\n", false, false), LineEnds::kLf);
  EXPECT_EQ(find_line_ends("a\r\n", false, false), LineEnds::kLf);
  EXPECT_EQ(find_line_ends("a", false, false), std::nullopt);
  EXPECT_EQ(find_line_ends("a\r", false, false), std::nullopt);
  EXPECT_EQ(find_line_ends("a\rb\n", false, false), std::nullopt);
  EXPECT_EQ(find_line_ends("a\rb\rc\n", false, true), LineEnds::kAny);
  EXPECT_EQ(find_line_ends("\"a\n\"", true, false), std::nullopt);
}

TEST(TsvReader, RefusesZeroBytes) {
  const std::string_view utf16("a\0\n\0", 4);
  expect_contains(row_error(FileFormat::kTsv, utf16), "f:1: byte 2 of the line is zero");
  expect_contains(row_error(FileFormat::kCsv, utf16), "UTF-16");
}

TEST(RowReader, TellsBlankLines) {
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv, FileFormat::kJsonl}) {
    const std::string row = format == FileFormat::kJsonl ? "{\"a\": 1}" : "x";
    const std::string bytes = "\n" + row + "\n  \r\n";
    const auto reader = make_row_reader(format, bytes, "f", {"a"});
    std::vector<std::string_view> fields;
    for (const bool blank : {true, false, true}) {
      ASSERT_TRUE(reader->next(fields));
      EXPECT_EQ(reader->blank(), blank);
    }
    EXPECT_FALSE(reader->next(fields));
  }
  const auto reader = make_row_reader(FileFormat::kCsv, "\"\"\n", "f", {});
  std::vector<std::string_view> fields;
  ASSERT_TRUE(reader->next(fields));
  EXPECT_FALSE(reader->blank()) << "an empty text in quotes";
}

TEST(TsvReader, ReportsWrongEncodingWithTheByte) {
  const std::string message = row_error(FileFormat::kTsv, "fine\nalso\tcaf\xE9\n");
  expect_contains(message, "f:2: byte 9 of the line, 0xE9, is not UTF-8");
  expect_contains(row_error(FileFormat::kTsv, std::string_view("\xFF\xFE"
                                                               "a\0",
                                                               4)),
                  "UTF-16");
}

TEST(TsvReader, TakesLinesUpToTheLimitOnly) {
  const std::string longest(kMaxRowBytes, 'x');
  EXPECT_EQ(read_rows(FileFormat::kTsv, "a\n" + longest + "\r\nb\n").size(), 3U);
  EXPECT_EQ(read_rows(FileFormat::kTsv, longest), (Rows{{longest}}));
  expect_contains(row_error(FileFormat::kTsv, "a\n" + longest + "x\nb\n"), "f:2: ");
  expect_contains(row_error(FileFormat::kTsv, longest + "x"), "f:1: ");
  expect_contains(row_error(FileFormat::kTsv, longest + longest), "longer than 1048576");
}

TEST(CsvReader, ReadsQuotedFields) {
  const Rows rows = read_rows(FileFormat::kCsv,
                              "a,\"b, with comma\",c\r\n"
                              "\"say \"\"hi\"\"\",\"two\nlines\",\"\"\n"
                              "\"\"\"\",plain \"quote\",\"tail\"");
  EXPECT_EQ(rows, (Rows{{"a", "b, with comma", "c"},
                        {"say \"hi\"", "two\nlines", ""},
                        {"\"", "plain \"quote\"", "tail"}}));
}

TEST(CsvReader, KeepsEmptyFieldsAndLines) {
  EXPECT_EQ(read_rows(FileFormat::kCsv, "\xEF\xBB\xBF,\n\r\n\na,\n\"\"\n,b"),
            (Rows{{"", ""}, {""}, {""}, {"a", ""}, {""}, {"", "b"}}));
}

TEST(CsvReader, CountsLinesThroughFieldsOfSeveralLines) {
  const std::string text = "\"1\n2\n3\",a\n\n\"x\ny\"\nlast\n";
  const auto reader = make_row_reader(FileFormat::kCsv, text, "f", {});
  std::vector<std::string_view> fields;
  std::vector<int64_t> lines;
  while (reader->next(fields)) lines.push_back(reader->line());
  EXPECT_EQ(lines, (std::vector<int64_t>{1, 4, 5, 7}));
}

TEST(CsvReader, ReportsMalformedRowsWithTheLine) {
  expect_contains(row_error(FileFormat::kCsv, "a,b\nc,\"d\ne\nf"), "f:2: the quote that opens");
  expect_contains(row_error(FileFormat::kCsv, "\"a\"b,c\n"), "f:1: text after a closing quote");
  expect_contains(row_error(FileFormat::kCsv, "\"a\n\" ,c\n"), "f:2: text after a closing quote");
  expect_contains(row_error(FileFormat::kCsv, "ok\n\"x\n\xFFy\",c\n"), "f:3: byte 1 of the line");
}

TEST(CsvReader, TakesRowsUpToTheLimitOnly) {
  const std::string half(kMaxRowBytes / 2 - 1, 'x');
  const std::string row = half + "," + half;  // one byte less than the limit
  EXPECT_EQ(read_rows(FileFormat::kCsv, row + "y\nb").size(), 2U);
  expect_contains(row_error(FileFormat::kCsv, "b\n" + row + "yy\nb"), "f:2: ");
  expect_contains(row_error(FileFormat::kCsv, "b\n\"" + row + row + "\"\n"), "longer than");
  expect_contains(row_error(FileFormat::kCsv, "\"" + row + row), "longer than");
}

/// The first fields of all rows that can be read, and the lines of the others.
Rows rows_behind_faults(FileFormat format, const std::string& bytes, std::vector<int64_t>& wrong,
                        const JsonlKeys& keys = {}) {
  const auto reader = make_row_reader(format, bytes, "f", keys);
  Rows rows;
  for (std::vector<std::string_view> fields;;) {
    try {
      if (!reader->next(fields)) return rows;
      rows.emplace_back(fields.begin(), fields.end());
    } catch (const Error&) {
      wrong.push_back(reader->line());
    }
  }
}

TEST(RowReader, GoesOnBehindAWrongRow) {
  const std::string long_row(kMaxRowBytes + 5, 'x');
  std::vector<int64_t> wrong;
  EXPECT_EQ(rows_behind_faults(FileFormat::kTsv, "a\n" + long_row + "\r\nb\xFF\nc\n", wrong),
            (Rows{{"a"}, {"c"}}));
  EXPECT_EQ(wrong, (std::vector<int64_t>{2, 3}));
  wrong.clear();
  EXPECT_EQ(rows_behind_faults(FileFormat::kTsv, long_row, wrong), Rows{});
  EXPECT_EQ(wrong, std::vector<int64_t>{1});
  wrong.clear();
  EXPECT_EQ(rows_behind_faults(FileFormat::kCsv,
                               "a,\"b\" c\nd,\"e\ne\"\n\"f\xFF\"\n" + long_row + "\ng\n\"open\nh\n",
                               wrong),
            (Rows{{"d", "e\ne"}, {"g"}, {"h"}}));
  EXPECT_EQ(wrong, (std::vector<int64_t>{1, 4, 5, 7}));
  wrong.clear();
  EXPECT_EQ(rows_behind_faults(FileFormat::kJsonl, "{\n{\"a\": \"b\"}\n[]\n", wrong, {"a"}),
            Rows{{"b"}});
  EXPECT_EQ(wrong, (std::vector<int64_t>{1, 3}));
}

TEST(JsonlReader, TakesTheKeysInOrder) {
  const Rows rows = read_rows(FileFormat::kJsonl,
                              "{\"label\": 1, \"text\": \"caf\\u00e9\\t\\\"x\\\"\", \"id\": null}\n"
                              "  \n"
                              "{\"text\": \"\", \"label\": true}\r\n",
                              {"text", "label"});
  EXPECT_EQ(rows, (Rows{{"caf\xC3\xA9\t\"x\"", "1"}, {}, {"", "true"}}));
}

TEST(JsonlReader, ReportsMalformedLines) {
  const std::vector<std::string> keys = {"text"};
  expect_contains(row_error(FileFormat::kJsonl, "{\"text\": \"a\"}\n{\"text\": }\n", keys), "f:2:");
  expect_contains(row_error(FileFormat::kJsonl, "[1]", keys), "f:1: got array, want a JSON object");
  expect_contains(row_error(FileFormat::kJsonl, "{\"text\": [\"a\"]}", keys), "\"text\" is array");
  const std::string missing = row_error(FileFormat::kJsonl, "{\"texts\": \"a\", \"id\": 1}", keys);
  expect_contains(missing, "f:1: no key \"text\" in this object (keys: \"id\", \"texts\")");
  expect_contains(missing, "did you mean \"texts\"?");
}

}  // namespace
}  // namespace pals
