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
                  "train.tsv:2: got 2 columns, want 3 as in the first row");
  expect_contains(read_error(pair_task(), "a\tpositive\n"),
                  "train.tsv:1: got 2 columns, want at least 3");
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
  expect_contains(read_error(task, "a\tb\n"),
                  "no examples in the file (1 row does not have 3 columns)");
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
  EXPECT_EQ(collect_labels(task, folder.path()), (std::vector<std::string>{"no", "yes"}));
  folder.write("train.tsv", "a\tb\t10\nc\td\t9\ne\tf\t-1\n");
  EXPECT_EQ(collect_labels(task, folder.path()), (std::vector<std::string>{"-1", "9", "10"}));
  folder.write("train.tsv", "a\tb\tx\nc\td\t\n");
  expect_contains(message_of([&] { collect_labels(task, folder.path()); }),
                  "train.tsv:2: the label is empty");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += concat("a\tb\t", i, ".5\n");
  folder.write("train.tsv", many);
  expect_contains(message_of([&] { collect_labels(task, folder.path()); }),
                  "train.tsv:1001: task \"pair\" has more than 1000 different labels");
}

TEST(Reader, CollectsLabelsOfAllTrainingFiles) {
  const TemporaryFolder folder;
  Task task = pair_task();
  task.files.push_back(task.files[0]);
  task.files[1].split = "train_more";
  task.files[1].path = "more.tsv";
  folder.write("train.tsv", "a\tb\tyes\nc\td\tno\n");
  folder.write("more.tsv", "a\tb\tperhaps\nc\td\tno\n");
  EXPECT_EQ(collect_labels(task, folder.path()),
            (std::vector<std::string>{"no", "perhaps", "yes"}));
}

TEST(Reader, WholeNumbersWithDecimalsAreOneLabel) {
  const TemporaryFolder folder;
  Task task = pair_task();
  folder.write("train.tsv", "a\tb\t0\nc\td\t1.0\ne\tf\t0.00\ng\th\t1\ni\tj\t-2.0\nk\tl\t0.5\n");
  EXPECT_EQ(collect_labels(task, folder.path()), (std::vector<std::string>{"-2", "0", "0.5", "1"}));
  folder.write("train.tsv", "a\tb\t0.0\nc\td\t1.0\n");
  EXPECT_EQ(collect_labels(task, folder.path()), (std::vector<std::string>{"0.0", "1.0"}));

  const std::string rows = "a\tb\t1\nc\td\t1.0\ne\tf\t0.0\n";
  const auto classes = [&](const std::vector<std::string>& labels) {
    task.labels = labels;
    std::vector<float> found;
    for (const Example& example : read(task, rows).examples) found.push_back(example.targets.at(0));
    return found;
  };
  EXPECT_EQ(classes({"0", "1"}), (std::vector<float>{1, 1, 0}));
  EXPECT_EQ(classes({"0.0", "1.0"}), (std::vector<float>{1, 1, 0}));
  EXPECT_EQ(classes({"0", "1", "1.0"}), (std::vector<float>{1, 2, 0})) << "both are listed";
  expect_contains(read_error(task, "a\tb\t1.1\n"), "unknown label \"1.1\"");
}

TEST(Reader, AHeaderIsNotALabel) {
  const TemporaryFolder folder;
  Task task = pair_task();
  const auto labels = [&](const std::string& bytes) {
    folder.write("train.tsv", bytes);
    return collect_labels(task, folder.path());
  };
  const auto error = [&](const std::string& bytes) { return message_of([&] { labels(bytes); }); };
  const std::string numbers = "a b\tc\t1\nd\te\t0\n", words = "a b\tc\tgood\nd\te\tbad\n";
  expect_contains(error("q\ta\tlabel\n" + words),
                  "train.tsv:1: is this row a header, with \"label\"");
  expect_contains(error("Sentence1\ta\twhich\n" + words), "a header");
  expect_contains(error("one thing\ta\tx\n" + numbers), "a header");
  expect_contains(error("q\ta\tx\n" + words + words), "a header");
  EXPECT_EQ(labels("one thing\ta\tx\n" + words + words).size(), 3U) << "a rare label";
  EXPECT_EQ(labels(numbers).size(), 2U);
  task.files[0].header_known = true;
  EXPECT_EQ(labels("q\ta\tlabel\n" + numbers).size(), 3U) << "\"header\": false";

  task.files[0].label.reset();
  task.files[0].header_known = false;
  expect_contains(read_error(task, "sentence1\tsentence2\na\tb\n"),
                  "train.tsv:1: is this row a header");
  EXPECT_EQ(read(task, "sentence1\tis a word\na\tb\n").examples.size(), 2U);
}

TEST(Reader, AHeaderOnceMoreIsRefused) {
  Task task = pair_task();
  task.files[0].header = true;
  expect_contains(read_error(task, "a\tb\tc\nx\ty\tpositive\na\tb\tc\n"),
                  "train.tsv:3: the header once more; were files joined?");
}

TEST(Reader, BlankLinesArePassedOverAndCounted) {
  const auto notes = [](const Task& task, const std::string& bytes, size_t examples) {
    const ExampleSet set = read(task, bytes);
    EXPECT_EQ(set.examples.size(), examples) << bytes;
    EXPECT_EQ(set.skipped, 0);
    return set.notes;
  };
  using Notes = std::vector<std::string>;
  Task task = score_task();
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv}) {
    task.files[0].format = format;
    const std::string comma = format == FileFormat::kCsv ? "," : "\t";
    const std::string row = "a" + comma + "b" + comma + "1\n";
    EXPECT_EQ(notes(task, "\n" + row + "\n  \n" + row + "\n\n", 2),
              Notes{"3 blank lines passed over"});
    EXPECT_EQ(notes(task, row + "\r\n" + row, 2), Notes{"1 blank line passed over"});
    EXPECT_EQ(notes(task, row + row + "\n", 2), Notes{});
  }
  task.files[0].format = FileFormat::kJsonl;
  task.files[0].text_a = name("a");
  task.files[0].text_b.reset();
  task.files[0].label = name("l");
  const std::string object = "{\"a\": \"x\", \"l\": 1}\n";
  EXPECT_EQ(notes(task, object + "\n" + object, 2), Notes{"1 blank line passed over"});
}

TEST(Reader, BlankLinesAreTextsInAFileOfOneColumn) {
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv}) {
    for (const bool header : {false, true}) {
      Task task = pair_task();
      DataFile& file = task.files[0];
      file = {.split = "test", .path = "test.tsv", .format = format, .header = header};
      file.text_a = header ? name("text") : number(0);
      const ExampleSet set = read(task, std::string(header ? "text" : "") + "\na b\n\n\n");
      std::vector<std::string> texts;
      for (const Example& example : set.examples) texts.push_back(example.text_a);
      const std::vector<std::string> expected = {"a b", "", ""};
      EXPECT_EQ(std::vector<std::string>(texts.end() - 3, texts.end()), expected);
      EXPECT_EQ(texts.size(), header ? 3U : 4U);
      EXPECT_EQ(set.notes, std::vector<std::string>{});
    }
  }
}

TEST(Reader, RowsWithoutALabelAreLeftOutWhereAsked) {
  Task task = pair_task();
  const std::string rows = "a\tb\tpositive\nc\td\t-\ne\tf\t \n";
  expect_contains(read_error(task, rows), "train.tsv:2: unknown label \"-\"");
  expect_contains(read_error(task, rows), "\"unlabelled\": [...] in the task file leaves it out");
  const TemporaryFolder folder;
  for (const char* mark : {"-", "?", "NaN", "null", ""}) {
    folder.write("train.tsv", concat("a\tb\tyes\nc\td\tno\ne\tf\t", mark, "\n"));
    expect_contains(message_of([&] { collect_labels(task, folder.path()); }), "\"unlabelled\"");
  }
  task.files[0].unlabelled = {"-", ""};
  const ExampleSet set = read(task, rows);
  EXPECT_EQ(set.examples.size(), 1U);
  EXPECT_EQ(set.notes.at(0), "2 rows without a label left out");
  folder.write("train.tsv", "a\tb\tyes\nc\td\t-\ne\tf\tno\n");
  EXPECT_EQ(collect_labels(task, folder.path()), (std::vector<std::string>{"no", "yes"}));

  DataFile& file = task.files[0];
  file.format = FileFormat::kJsonl;
  file.text_a = name("a");
  file.text_b.reset();
  file.label = name("l");
  const std::string null = "{\"a\": \"x\", \"l\": null}\n{\"a\": \"y\", \"l\": \"positive\"}\n";
  EXPECT_EQ(read(task, null).examples.size(), 1U);
  file.unlabelled = {"-"};
  expect_contains(read_error(task, null),
                  "train.tsv:1: the label \"l\" is null; rows without a label");
  expect_contains(read_error(score_task(), "a\tb\t-\n"), "\"unlabelled\"");
}

TEST(Reader, WarnsOfOddLabelsAndValues) {
  Task task = pair_task();
  task.labels = {"Good", "good", "bad", "rare"};
  const std::string rows = "a\tb\tGood\nc\td\tgood\ne\tf\tgood\ng\th\tbad\ni\tj\tbad\nk\tl\trare\n";
  EXPECT_EQ(read(task, rows).notes,
            (std::vector<std::string>{
                "labels that differ in case or blanks alone: \"Good\" (1) and \"good\" (2)",
                "2 of 4 labels occur once: \"Good\", \"rare\""}));
  task.files[0].split = "dev";
  EXPECT_EQ(read(task, rows).notes, std::vector<std::string>{});
  EXPECT_EQ(read(score_task(), "a\tb\t5\nc\td\t-7\ne\tf\t0\ng\th\t6\n").notes,
            std::vector<std::string>{
                "2 of 4 values are beyond \"label_scale\", which is 5; the largest is -7"});
  EXPECT_EQ(read(score_task(), "a\tb\t5\nc\td\t-5\n").notes, std::vector<std::string>{});
}

TEST(Reader, WarnsOfEmptyTexts) {
  EXPECT_EQ(
      read(pair_task(), " \tb\tpositive\nc\td\tnegative\ne\tf\tpositive\ng\th\tnegative\n").notes,
      std::vector<std::string>{"1 row with an empty text"});
}

TEST(Reader, UnpacksCompressedFiles) {
  // "a\tb\tpositive\nc\td\tnegative\n", as gzip and zstd write it.
  constexpr std::string_view kGzip(
      "\037\213\010\000\000\000\000\000\000\003\113\344\114\342\054\310"
      "\057\316\054\311\054\113\345\112\346\114\341\314\113\115\117\004"
      "\163\000\352\117\025\257\032\000\000\000",
      42);
  constexpr std::string_view kZstd(
      "\050\265\057\375\004\130\321\000\000\141\011\142\011\160\157\163"
      "\151\164\151\166\145\012\143\011\144\011\156\145\147\141\164\151"
      "\166\145\012\113\322\075\340",
      39);
  for (const std::string_view packed : {kGzip, kZstd}) {
    const ExampleSet set = read(pair_task(), packed);
    ASSERT_EQ(set.examples.size(), 2U);
    EXPECT_EQ(set.examples[1].text_a, "c");
    EXPECT_EQ(set.examples[1].targets, std::vector<float>{0});
    expect_contains(read_error(pair_task(), packed.substr(0, packed.size() - 5)), "train.tsv: ");
  }
}

}  // namespace
}  // namespace pals
