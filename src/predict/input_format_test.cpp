#include "predict/input_format.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "features/test_tokens.h"
#include "predict/fit.h"

namespace pals {
namespace {

using Names = std::vector<std::string>;

Column named(const std::string& name) { return {std::nullopt, name}; }

/// A classification with a file of these columns.
Task task_of(const Column& a, const std::optional<Column>& b = {}) {
  DataFile file{.split = "train"};
  file.text_a = a;
  file.text_b = b;
  file.label = named("label");
  return {.name = "t", .labels = {"0", "1"}, .files = {file}};
}

TEST(InputFormat, LooksAtTheFirstLineAlone) {
  const TestFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a\tb\nc\n", "a\tb"}, {"\n \r\nx\r\ny", "x"}, {"\xEF\xBB\xBFq\r", "q"}, {"", ""},
      {"\n\n", ""},          {"only", "only"}};
  for (const auto& [bytes, line] : cases) {
    std::ofstream(folder / "in", std::ios::binary) << bytes;
    InputStream stream(folder / "in");
    EXPECT_EQ(first_line(stream), line) << bytes;
    std::string read;
    while (stream.read(read, 100)) {
    }
    EXPECT_EQ(read, bytes);
  }
}

TEST(InputFormat, WaitsForNoMoreThanTheFirstLine) {
  const TestFolder folder;
  const std::string path = folder / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  std::stop_source stop;
  InputStream stream(path, stop.get_token());
  ASSERT_EQ(::write(writer, "\na text\nha", 10), 10);
  EXPECT_EQ(first_line(stream), "a text");
  EXPECT_TRUE(stream.at_hand(0));
  InputStream another(path, stop.get_token());
  ASSERT_EQ(::write(writer, "half", 4), 4);
  stop.request_stop();
  EXPECT_THROW(first_line(another), Error);
  ::close(writer);
}

TEST(InputFormat, NamesOfColumns) {
  EXPECT_EQ(column_names(" a\tb,c ", FileFormat::kTsv), (Names{"a", "b,c"}));
  EXPECT_EQ(column_names("a,\"b, c\"", FileFormat::kCsv), (Names{"a", "b, c"}));
  EXPECT_EQ(column_names("a,\"b", FileFormat::kCsv), Names{});
  EXPECT_EQ(column_names("{\"b\": 1, \"a\": []}", FileFormat::kJsonl), (Names{"a", "b"}));
  EXPECT_EQ(column_names("[1]", FileFormat::kJsonl), Names{});
}

TEST(InputFormat, FollowsFromTheFirstLine) {
  const auto format = [](std::string_view line) {
    return format_of_line(line, "in", {{"text"}, {"a", "b"}});
  };
  EXPECT_EQ(format("{\"x\": 1}"), FileFormat::kJsonl);
  EXPECT_EQ(format("text"), FileFormat::kTsv);
  EXPECT_EQ(format("id\ttext"), FileFormat::kTsv);
  EXPECT_EQ(format("id,text"), FileFormat::kCsv);
  EXPECT_EQ(format("b,a,c"), FileFormat::kCsv);
  EXPECT_EQ(format("a,c"), std::nullopt);
  EXPECT_EQ(format("a text"), std::nullopt);
  EXPECT_EQ(format("{no json}"), std::nullopt);
  EXPECT_EQ(format("[1, 2]"), std::nullopt);
  EXPECT_EQ(format_of_line("text", "in", {{}}), std::nullopt);
  EXPECT_THROW(format("["), UsageError);
  EXPECT_THROW(format(" {"), UsageError);
}

TEST(InputFormat, Endings) {
  for (const char* name : {"a.tsv", "a.TSV", "a.tsv.gz", "A.Tsv.ZST"}) {
    EXPECT_EQ(format_of_name(name), FileFormat::kTsv) << name;
  }
  EXPECT_EQ(format_of_name("a.CSV"), FileFormat::kCsv);
  EXPECT_EQ(format_of_name("a.ndjson"), FileFormat::kJsonl);
  for (const char* name : {"a", "a.gz", "tsv", "a.tsv.gz.gz", "a.csv.txt"}) {
    EXPECT_EQ(format_of_name(name), std::nullopt) << name;
  }
}

TEST(Fit, NumberOfTexts) {
  const Task one = task_of(named("a")), two = task_of(named("a"), named("b"));
  EXPECT_EQ(texts_of(one), 1U);
  EXPECT_EQ(texts_of(two), 2U);
  Task mixed = two;
  mixed.files.push_back(one.files.front());
  EXPECT_EQ(texts_of(mixed), std::nullopt);
  EXPECT_EQ(texts_of({.name = "t"}), std::nullopt);
  const Task span{.name = "s", .kind = TaskKind::kSpan},
      choice{.name = "c", .kind = TaskKind::kMultipleChoice};
  EXPECT_EQ(texts_of(span), 2U);

  const InputShape text = shape_of_line("a b"), pair = shape_of_line("a\tb"),
                   choices = shape_of_line("a\tb\tc");
  const InputShape all{.texts = 2, .choices = true, .table = true};
  EXPECT_EQ(misfit(one, text), "");
  EXPECT_EQ(misfit(one, pair), "takes one text, and the input has two texts");
  EXPECT_EQ(misfit(two, text), "takes two texts, and the input has one text");
  EXPECT_EQ(misfit(two, pair), "");
  EXPECT_EQ(misfit(two, all), "");
  EXPECT_NE(misfit(two, choices), "");
  EXPECT_EQ(misfit(mixed, text) + misfit(mixed, pair), "");
  EXPECT_NE(misfit(span, text), "");
  EXPECT_EQ(misfit(span, pair), "");
  EXPECT_EQ(misfit(choice, choices) + misfit(choice, all), "");
  EXPECT_NE(misfit(choice, pair), "");
}

TEST(Fit, OwnColumns) {
  EXPECT_EQ(own_columns(task_of({0, ""})).size(), 0U);
  EXPECT_EQ(own_columns(task_of(named("a"), Column{1, ""})).size(), 0U);
  Task task = task_of(named("a"), named("b"));
  task.files.push_back(task.files.front());
  task.files.push_back(task_of(named("x")).files.front());
  const std::vector<DataFile> columns = own_columns(task);
  ASSERT_EQ(columns.size(), 2U);
  EXPECT_EQ(columns[0].text_b, named("b"));
  EXPECT_FALSE(columns[0].label);
  EXPECT_EQ(columns[1].text_a, named("x"));
  const Task span{.name = "s", .kind = TaskKind::kSpan};
  ASSERT_EQ(own_columns(span).size(), 1U);
  EXPECT_EQ(own_columns(span)[0].text_b, named("context"));
}

}  // namespace
}  // namespace pals
