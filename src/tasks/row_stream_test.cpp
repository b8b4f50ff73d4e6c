#include "tasks/row_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tasks/test_files.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

/// What a reader gives: rows with their lines, and how it ends.
struct Reading {
  std::vector<std::pair<int64_t, std::vector<std::string>>> rows;
  std::string error;

  bool operator==(const Reading&) const = default;
};

Reading read_all(RowReader& reader) {
  Reading reading;
  std::vector<std::string_view> fields;
  try {
    while (reader.next(fields)) {
      reading.rows.emplace_back(reader.line(),
                                std::vector<std::string>(fields.begin(), fields.end()));
    }
  } catch (const Error& error) {
    reading.error = error.what();
  }
  return reading;
}

class RowStream : public ::testing::Test {
 protected:
  void expect_same(FileFormat format, const std::string& bytes,
                   const std::vector<std::string>& keys = {}) {
    const std::string path = folder_.write("rows", bytes);
    InputStream input(path);
    StreamedRows streamed(input, format, keys);
    const auto whole = make_row_reader(format, bytes, path, keys);
    const Reading expected = read_all(*whole);
    const Reading found = read_all(streamed);
    EXPECT_EQ(found.rows, expected.rows) << bytes.substr(0, 100);
    EXPECT_EQ(found.error, expected.error) << bytes.substr(0, 100);
  }

  TemporaryFolder folder_;
};

TEST_F(RowStream, TsvAsOfAWholeFile) {
  for (const char* bytes :
       {"", "\n", "a", "a\n", "a\tb\r\nc\td", "\xEF\xBB\xBFone\ttwo\n", "a\n\n\nb\n\n\n", "\n\na\n",
        "\t\n\t\t", "a\rb\rc\td\r", "a\rb\r\nc\rd\n", "a\rb\nc\n", "a\r\n\r\r", "\r", "a\r\r\nb\n",
        "a\n\xFFz\n", "\xEF", "\xEF\xBB", "\xEF\xBB\xBF"}) {
    expect_same(FileFormat::kTsv, bytes);
  }
}

TEST_F(RowStream, CsvAsOfAWholeFile) {
  for (const char* bytes :
       {"", "a,b\n1,2\n", "\"a\",\"b\nc\"\r\nd,e", "\"say \"\"hi\"\"\",x\n\n\ny,z\n",
        "\xEF\xBB\xBF\"q\n\",1\n2,3", "a\"b,c\nd,e\n", "\"open\nand never closed\n\n",
        "\"closed\" text\na,b\n", ",\n,,\n", "\"\"\n\"\",\"\"", "x,\"\n\n\"\nlast,row",
        "a,b\rc,\"d\ne\"\r", "a,\"b\r\rc\"\nd,e\n", "a,b\r\"c\",d\r\n\re,f\r"}) {
    expect_same(FileFormat::kCsv, bytes);
  }
}

TEST_F(RowStream, JsonlAsOfAWholeFile) {
  for (const char* bytes : {"", "{\"a\": \"x\", \"b\": 2}\n  \n{\"b\": true, \"a\": \"\\n\"}",
                            "{\"a\": \"x\"}\n", "[1]\n", "{\"a\": \"x\", \"b\": null}"}) {
    expect_same(FileFormat::kJsonl, bytes, {"a", "b"});
  }
}

TEST_F(RowStream, RowsAcrossManyReads) {
  std::string csv, tsv;
  for (int i = 0; i < 30000; ++i) {
    const std::string number = std::to_string(i);
    csv += "\"" + number + "\n\"\"quoted\"\" " + std::string(static_cast<size_t>(i % 41), 'x') +
           "\"," + number + "\n";
    tsv += number + "\t" + std::string(static_cast<size_t>(i % 53), 'y') + "\n";
  }
  expect_same(FileFormat::kCsv, csv);
  expect_same(FileFormat::kTsv, tsv);
}

TEST_F(RowStream, CarriageReturnsAcrossManyReads) {
  std::string csv, tsv;
  for (int i = 0; i < 30000; ++i) {
    const std::string number = std::to_string(i);
    csv += number + ",\"x\n" + std::string(static_cast<size_t>(i % 41), 'x') + "\"\r";
    tsv += number + "\t" + std::string(static_cast<size_t>(i % 53), 'y') + (i % 3 ? "\r" : "\r\n");
  }
  expect_same(FileFormat::kCsv, csv);
  expect_same(FileFormat::kTsv, tsv);
}

TEST_F(RowStream, RefusesLongRowsWithoutReadingThemWhole) {
  const std::string long_row = "ok\n" + std::string(kMaxRowBytes + 1, 'x');
  expect_same(FileFormat::kTsv, long_row + "\nend\n");
  expect_same(FileFormat::kTsv, "ok\n" + std::string(kMaxRowBytes, 'x') + "\r\nend\n");
  expect_same(FileFormat::kCsv, "ok\n\"" + std::string(3 * kMaxRowBytes, 'x'));
}

/// The rows that can be read, one field each, and in place of the others "line!".
std::vector<std::string> read_on(const std::string& path, FileFormat format) {
  InputStream input(path);
  StreamedRows rows(input, format, {"a"});
  std::vector<std::string> found;
  std::vector<std::string_view> fields;
  while (true) {
    try {
      if (!rows.next(fields)) return found;
      found.emplace_back(fields.front());
    } catch (const Error&) {
      found.push_back(std::to_string(rows.line()) + "!");
      if (!rows.goes_on()) return found;
    }
  }
}

TEST_F(RowStream, GoesOnBehindAFaultyRow) {
  using Rows = std::vector<std::string>;
  const std::string wide(kMaxRowBytes + 1, 'x');
  const std::string wider(3 * kMaxRowBytes, 'x');
  const auto read = [&](FileFormat format, const std::string& bytes) {
    return read_on(folder_.write("rows", bytes), format);
  };
  for (const std::string& row : {std::string("\xFFz"), std::string("a\0b", 3), wide, wider}) {
    EXPECT_EQ(read(FileFormat::kTsv, "a\n" + row + "\nb\n"), (Rows{"a", "2!", "b"}));
    EXPECT_EQ(read(FileFormat::kTsv, row + "\r\nb"), (Rows{"1!", "b"}));
    EXPECT_EQ(read(FileFormat::kTsv, "a\rb\r" + row), (Rows{"a", "b", "3!"}));
    EXPECT_EQ(read(FileFormat::kCsv, "a\n" + row + "\nb,c\n"), (Rows{"a", "2!", "b"}));
  }
  EXPECT_EQ(read(FileFormat::kJsonl, "{\"a\": 1}\n{\"a\": \n{\"b\": 1}\n[]\n{\"a\": 2}"),
            (Rows{"1", "2!", "3!", "4!", "2"}));
}

TEST_F(RowStream, OfMalformedCsvOneLineIsPassedOver) {
  using Rows = std::vector<std::string>;
  const auto read = [&](const std::string& bytes) {
    return read_on(folder_.write("rows", bytes), FileFormat::kCsv);
  };
  EXPECT_EQ(read("a\n\"never closed\nb\nc"), (Rows{"a", "2!", "b", "c"}));
  EXPECT_EQ(read("\"closed\" text\nb\n"), (Rows{"1!", "b"}));
  EXPECT_EQ(read("\"x\ny\" text\nb\n"), (Rows{"1!", "y\" text", "b"}));
  EXPECT_EQ(read("\"x\n\xFF\",1\nb\n"), (Rows{"1!", "b"}));
  EXPECT_EQ(read("a\n\"open\nb\n\xFF\"q\"\nc\n"), (Rows{"a", "2!", "b", "4!", "c"}));
  EXPECT_EQ(read("a,b\r\"open\rc,d\r"), (Rows{"a", "2!", "c"}));
  std::string long_row = "a\n\"";
  for (int i = 0; i < 300000; ++i) long_row += "line\n";
  const Rows rows = read(long_row);
  ASSERT_EQ(rows.size(), 1U + 300000);
  EXPECT_EQ(rows[1], "2!");
  EXPECT_EQ(rows[2], "line");
}

TEST_F(RowStream, KnowsWhereRowsBegin) {
  std::string bytes = "\xEF\xBB\xBFid,text\n";
  std::vector<uint64_t> expected = {3};
  for (int i = 0; i < 30000; ++i) {
    expected.push_back(bytes.size());
    bytes +=
        std::to_string(i) + ",\"x\n" + std::string(static_cast<size_t>(i % 41), 'x') + "\"\r\n";
  }
  InputStream input(folder_.write("rows", bytes));
  StreamedRows rows(input, FileFormat::kCsv, {});
  std::vector<std::string_view> fields;
  std::vector<uint64_t> found;
  while (rows.next(fields)) found.push_back(rows.offset());
  EXPECT_EQ(found, expected);
}

TEST_F(RowStream, AFaultOfTheStreamEndsIt) {
  InputStream input(folder_.write("packed.gz", std::string("\x1F\x8B\x08", 3) + "no gzip"));
  RowCutter rows(input, false);
  std::string_view row;
  EXPECT_THROW(rows.next(row), Error);
  EXPECT_FALSE(rows.goes_on());
}

TEST_F(RowStream, Utf16IsNamed) {
  InputStream input(folder_.write("utf16", std::string("\xFF\xFE") + "a"));
  RowCutter rows(input, false);
  std::string_view row;
  expect_contains(message_of([&] { rows.next(row); }), "UTF-16");
  EXPECT_FALSE(rows.goes_on());
}

/// A named pipe with both ends.
class Pipe {
 public:
  explicit Pipe(const std::string& path) : path_(path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    writer_ = ::open(path.c_str(), O_RDWR);
  }
  ~Pipe() { close(); }
  void close() {
    if (writer_ >= 0) ::close(writer_);
    writer_ = -1;
  }
  void write(std::string_view bytes) const {
    ASSERT_EQ(::write(writer_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

 private:
  std::string path_;
  int writer_;
};

TEST_F(RowStream, AtHandOnlyWhenTheRowIsWhole) {
  Pipe pipe(folder_.path() + "/pipe");
  InputStream input(folder_.path() + "/pipe");
  RowCutter rows(input, false);
  std::string_view row;
  EXPECT_FALSE(rows.at_hand(1));
  pipe.write("a\nhalf");
  EXPECT_TRUE(rows.at_hand(1000));
  ASSERT_TRUE(rows.next(row));
  EXPECT_EQ(row, "a");
  EXPECT_FALSE(rows.at_hand(1));
  pipe.write(" a line\n");
  EXPECT_TRUE(rows.at_hand(1000));
  ASSERT_TRUE(rows.next(row));
  EXPECT_EQ(row, "half a line");
  EXPECT_EQ(rows.line(), 2);
  pipe.write("end");
  EXPECT_FALSE(rows.at_hand(1));
  pipe.close();
  EXPECT_TRUE(rows.at_hand(1000));
  ASSERT_TRUE(rows.next(row));
  EXPECT_EQ(row, "end");
  EXPECT_TRUE(rows.at_hand(0));
  EXPECT_FALSE(rows.next(row));
}

TEST_F(RowStream, TextsOfAStreamedTable) {
  InputStream input(folder_.write("table.csv", "id,text,more\n1,\"a, b\",c\n2,d,e\n3,f\n"));
  DataFile file{.split = "input", .format = FileFormat::kCsv, .header = true};
  file.text_a = {std::nullopt, "more"};
  file.text_b = Column{std::nullopt, "text"};
  auto rows = std::make_unique<StreamedRows>(input, file.format, text_keys(file, input.name()));
  TextRowReader reader(file, std::move(rows), input.name());
  TextRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.text_a, "c");
  EXPECT_EQ(row.text_b, "a, b");
  ASSERT_TRUE(reader.next(row));
  expect_contains(message_of([&] { reader.next(row); }), "table.csv:4: got 2 columns, want 3");
}

}  // namespace
}  // namespace pals
