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

TEST_F(RowStream, Utf16IsNamed) {
  InputStream input(folder_.write("utf16", std::string("\xFF\xFE") + "a"));
  RowCutter rows(input, false);
  std::string_view row;
  expect_contains(message_of([&] { rows.next(row); }), "UTF-16");
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
