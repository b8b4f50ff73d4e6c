#include "catalog/reader.h"

#include <gtest/gtest.h>

#include "tasks/test_files.h"

namespace pals {
namespace {

Column number(int value) { return {value, ""}; }
Column name(const std::string& value) { return {std::nullopt, value}; }

/// A pair classification out of columns 0, 1 and the last.
Task pair_task() {
  Task task{.name = "pair", .labels = {"negative", "positive"}, .metrics = {Metric::kAccuracy}};
  DataFile file{.split = "train", .path = "train.tsv"};
  file.text_a = number(0);
  file.text_b = number(1);
  file.label = number(-1);
  task.files = {file};
  return task;
}

Task score_task() {
  Task task = pair_task();
  task.kind = TaskKind::kRegression;
  task.labels = {};
  task.label_scale = 5.0;
  return task;
}

ExampleSet read(const Task& task, std::string_view bytes) {
  const TemporaryFolder folder;
  folder.write(task.files.at(0).path, bytes);
  return read_examples(task, task.files.at(0), folder.path());
}

std::string read_error(const Task& task, std::string_view bytes) {
  return message_of([&] { read(task, bytes); });
}

TEST(Reader, ReadsTextsAndLabels) {
  const ExampleSet set = read(pair_task(), "a b\tc\tpositive\r\nd\t\t negative \n");
  ASSERT_EQ(set.examples.size(), 2U);
  EXPECT_EQ(set.examples[0].text_a, "a b");
  EXPECT_EQ(set.examples[0].text_b, "c");
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{1});
  EXPECT_EQ(set.examples[1].text_b, "");
  EXPECT_EQ(set.examples[1].targets, std::vector<float>{0});
  EXPECT_EQ(set.skipped, 0);
}

TEST(Reader, ReadsFilesWithoutLabels) {
  Task task = pair_task();
  task.files[0].label.reset();
  const ExampleSet set = read(task, "a\tb\n");
  ASSERT_EQ(set.examples.size(), 1U);
  EXPECT_TRUE(set.examples[0].targets.empty());
}

TEST(Reader, DividesValuesByTheScale) {
  const ExampleSet set = read(score_task(), "a\tb\t5.000\nc\td\t+2.5\ne\tf\t-1e-1\n");
  ASSERT_EQ(set.examples.size(), 3U);
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{1.0F});
  EXPECT_EQ(set.examples[1].targets, std::vector<float>{0.5F});
  EXPECT_EQ(set.examples[2].targets, std::vector<float>{-0.02F});
}

TEST(Reader, ReportsValuesThatAreNoNumbers) {
  for (const char* bad : {"", "high", "1,5", "1.0x", "1e999", "+-1", "0x10"}) {
    expect_contains(read_error(score_task(), concat("a\tb\t1\nc\td\t", bad, "\n")),
                    "train.tsv:2: got \"");
  }
  for (const char* bad : {"nan", "inf", "-inf", "1e300"}) {
    expect_contains(read_error(score_task(), concat("a\tb\t1\nc\td\t", bad, "\n")), "not finite");
  }
}

TEST(Reader, ReportsUnknownLabelsWithTheNearest) {
  const std::string message = read_error(pair_task(), "a\tb\tpositive\nc\td\tpostive\n");
  expect_contains(message, "train.tsv:2: unknown label \"postive\" for task \"pair\" ");
  expect_contains(message, "(labels: \"negative\", \"positive\")");
  expect_contains(message, "did you mean \"positive\"?");
  expect_contains(read_error(pair_task(), "text\tother\tlabel\na\tb\tpositive\n"), "a header?");
}

TEST(Reader, ReportsShortRows) {
  expect_contains(read_error(pair_task(), "a\tb\tpositive\nc\tpositive\n"),
                  "train.tsv:2: got 2 columns, want at least 3");
  expect_contains(read_error(pair_task(), "a\tb\tpositive\n\nc\td\tpositive\n"),
                  "train.tsv:2: got 1 column, want at least 3");
  Task task = pair_task();
  task.files[0].text_b = number(3);
  task.files[0].label = number(1);
  expect_contains(read_error(task, "a\tb\tpositive\n"), "got 3 columns, want at least 4");
}

TEST(Reader, SkipsAndCountsRowsOfAnotherWidthWhereAsked) {
  Task task = pair_task();
  task.files[0].required_columns = 3;
  const ExampleSet set = read(task, "a\tb\tpositive\nshort\n1\t2\t3\tx\nc\td\tnegative\n");
  EXPECT_EQ(set.examples.size(), 2U);
  EXPECT_EQ(set.skipped, 2);
  expect_contains(read_error(task, "a\tb\n"), "no examples in the file (1 rows do not have 3");
}

TEST(Reader, FindsColumnsByName) {
  Task task = pair_task();
  DataFile& file = task.files[0];
  file.header = true;
  file.text_a = name("question");
  file.text_b = name("answer");
  file.label = name("label");
  const ExampleSet set =
      read(task, "\xEF\xBB\xBFlabel\tid\tanswer \tquestion\r\nnegative\t1\tyes\twhy\r\n");
  ASSERT_EQ(set.examples.size(), 1U);
  EXPECT_EQ(set.examples[0].text_a, "why");
  EXPECT_EQ(set.examples[0].text_b, "yes");
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{0});

  const std::string missing = read_error(task, "label\tquestions\tanswer\nnegative\ta\tb\n");
  expect_contains(missing, "train.tsv:1: no column \"question\" in the header");
  expect_contains(missing, "(columns: \"label\", \"questions\", \"answer\")");
  expect_contains(missing, "did you mean \"questions\"?");
  expect_contains(read_error(task, "label\tquestion\tanswer\tlabel\na\tb\tc\td\n"),
                  "\"label\" more than once");
  expect_contains(read_error(task, "label\tquestion\tanswer\nnegative\ta\tstray\ttab\n"),
                  "train.tsv:2: got 4 columns, want 3");
}

TEST(Reader, WantsCsvRowsOfOneWidth) {
  Task task = pair_task();
  task.files[0].format = FileFormat::kCsv;
  EXPECT_EQ(read(task, "\"a,b\",c,positive\nd,e,negative\n").examples.size(), 2U);
  expect_contains(read_error(task, "\"a,b\",c,positive\nd, unquoted,e,negative\n"),
                  "train.tsv:2: got 4 columns, want 3");
}

TEST(Reader, ReadsJsonl) {
  Task task = pair_task();
  DataFile& file = task.files[0];
  file.format = FileFormat::kJsonl;
  file.text_a = name("premise");
  file.text_b = name("hypothesis");
  file.label = name("label");
  const ExampleSet set = read(
      task, "{\"label\":\"positive\",\"premise\":\"a\\nb\",\"hypothesis\":\"c\",\"more\":[1]}\n");
  ASSERT_EQ(set.examples.size(), 1U);
  EXPECT_EQ(set.examples[0].text_a, "a\nb");
  EXPECT_EQ(set.examples[0].text_b, "c");
  EXPECT_EQ(set.examples[0].targets, std::vector<float>{1});
  file.text_a = number(0);
  expect_contains(read_error(task, "{}"), "given by number");
}

TEST(Reader, ReportsEmptyFiles) {
  expect_contains(read_error(pair_task(), ""), "the file is empty");
  expect_contains(read_error(pair_task(), "\xEF\xBB\xBF\r\n\n"), "the file is empty");
  Task task = pair_task();
  task.files[0].header = true;
  expect_contains(read_error(task, "text\tother\tlabel\n"), "no examples in the file");
}

TEST(Reader, SaysWhichFileIsMissingAndWhereItLooked) {
  const Task task = pair_task();
  const std::string message =
      message_of([&] { read_examples(task, task.files[0], "/nonexistent/data"); });
  expect_contains(message, "/nonexistent/data/train.tsv: no such file");
  expect_contains(message, "train examples of task \"pair\"");
  expect_contains(message, "--data_dir is \"/nonexistent/data\"");
}

TEST(Reader, CollectsLabelsSorted) {
  const TemporaryFolder folder;
  const Task task = pair_task();
  folder.write("train.tsv", "a\tb\tyes\nc\td\tno\ne\tf\tyes\n");
  EXPECT_EQ(collect_labels(task, task.files[0], folder.path()),
            (std::vector<std::string>{"no", "yes"}));
  folder.write("train.tsv", "a\tb\t10\nc\td\t9\ne\tf\t-1\n");
  EXPECT_EQ(collect_labels(task, task.files[0], folder.path()),
            (std::vector<std::string>{"-1", "9", "10"}));
  folder.write("train.tsv", "a\tb\tx\nc\td\t\n");
  expect_contains(message_of([&] { collect_labels(task, task.files[0], folder.path()); }),
                  "train.tsv:2: the label is empty");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += concat("a\tb\t", i, ".5\n");
  folder.write("train.tsv", many);
  expect_contains(message_of([&] { collect_labels(task, task.files[0], folder.path()); }),
                  "train.tsv:1001: task \"pair\" has more than 1000 different labels");
}

}  // namespace
}  // namespace pals
