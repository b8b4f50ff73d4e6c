#include "draft/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text_util.h"
#include "draft/draft.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) lines.emplace_back(line);
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

class SplitTest : public testing::Test {
 protected:
  Json reviews(const std::string& rows) {
    return {{"name", "reviews"},
            {"kind", "classification"},
            {"text_a", "text"},
            {"label", "label"},
            {"train", folder_.write("reviews.csv", "text,label\n" + rows)}};
  }

  TemporaryFolder folder_;
};

TEST_F(SplitTest, ClassesKeepTheirSharesAndRowsStayAsTheyStand) {
  std::string rows;
  for (int i = 0; i < 200; ++i) {
    const std::string name(static_cast<size_t>(i) + 1, 'x');
    rows += "\"a \"\"film\"\",\n" + name + "\"," + (i % 10 == 0 ? "rare" : "often") + "\n";
  }
  const Json task = reviews(rows);
  const SplitFile made = split_file(task, {.dev_fraction = 0.1});
  EXPECT_EQ(made.dev_rows, 20);
  EXPECT_EQ(made.train_rows, 180);
  EXPECT_EQ(made.train.size() + made.dev.size(),
            rows.size() + 2 * std::string("text,label\n").size());
  EXPECT_TRUE(made.dev.starts_with("text,label\n\"a \"\"film\"\",\n"));
  const std::vector<std::string> dev = lines_of(made.dev);
  EXPECT_EQ(std::ranges::count_if(dev, [](auto& line) { return line.ends_with(",rare"); }), 2);
  EXPECT_EQ(split_file(task, {.dev_fraction = 0.1}).dev, made.dev);
  EXPECT_NE(split_file(task, {.dev_fraction = 0.1, .seed = 7}).dev, made.dev);
}

TEST_F(SplitTest, OneTextStaysOnOneSide) {
  std::string rows;
  for (int i = 0; i < 120; ++i) {
    const std::string name(static_cast<size_t>(i / 3) + 1, 'x');
    const char* forms[] = {"A text, ", "a text ", "A TEXT: "};
    rows += "\"" + std::string(forms[i % 3]) + name + "\"," + (i / 3 % 2 == 0 ? "a" : "b") + "\n";
  }
  const SplitFile made = split_file(reviews(rows), {.dev_fraction = 0.25});
  EXPECT_EQ(made.dev_rows % 3, 0);
  EXPECT_GE(made.dev_rows, 24);
  EXPECT_LE(made.dev_rows, 30);
}

TEST_F(SplitTest, RareClassesStayInTraining) {
  std::string rows = "one alone,single\n";
  for (int i = 0; i < 40; ++i)
    rows += "a " + std::string(static_cast<size_t>(i) + 1, 'x') + ",many\n";
  const SplitFile made = split_file(reviews(rows), {.dev_fraction = 0.5});
  EXPECT_NE(made.train.find("single"), std::string::npos);
  EXPECT_EQ(made.dev.find("single"), std::string::npos);
  expect_contains(message_of([&] { split_file(reviews("a,x\nb,y\n"), {.dev_fraction = 0.1}); }),
                  "of 2 rows leaves none to score by");
}

TEST_F(SplitTest, SentencesWithTheirCommentsAndRowsThatCannotBeRead) {
  std::string words;
  for (int i = 0; i < 20; ++i) {
    const std::string number = std::to_string(i);
    words += "# sent_id = " + number + "\nAda" + number + "\tB-PER\nsleeps\tO\n\n";
  }
  const Json task = {
      {"name", "names"}, {"kind", "tagging"}, {"train", folder_.write("names.conll", words)}};
  const SplitFile made = split_file(task, {.dev_fraction = 0.2});
  EXPECT_EQ(made.dev_rows, 4);
  EXPECT_EQ(lines_of(made.dev).size(), 16U);
  EXPECT_TRUE(made.dev.starts_with("# sent_id"));
  EXPECT_TRUE(made.train.starts_with("# sent_id"));

  std::string rows;
  for (int i = 0; i < 20; ++i) rows += "a " + std::string(static_cast<size_t>(i) + 1, 'x') + ",c\n";
  const SplitFile odd = split_file(reviews(rows + "a,b,c\nthe end,d\n"), {.dev_fraction = 0.2});
  EXPECT_EQ(odd.dev_rows + odd.train_rows, 21);
  EXPECT_NE((odd.train + odd.dev).find("a,b,c\n"), std::string::npos);
}

TEST_F(SplitTest, TasksWithoutADevFileAreSplit) {
  std::string rows = "text,label\n";
  for (int i = 0; i < 60; ++i) {
    rows += "a text of words " + std::string(static_cast<size_t>(i) + 1, 'x') +
            (i % 2 == 0 ? ",good\n" : ",bad\n");
  }
  const std::string path = folder_.write("reviews.csv", rows);
  const DraftedTasks drafted = draft_tasks({path}, folder_.path(), {.dev_fraction = 0.1});
  const Json task = Json(drafted.document["tasks"][0]);
  EXPECT_EQ(task["train"], "reviews.train.csv");
  EXPECT_EQ(task["dev"], "reviews.dev.csv");
  ASSERT_EQ(drafted.files.size(), 2U);
  EXPECT_TRUE(drafted.files[1].path.ends_with("/reviews.dev.csv"));
  EXPECT_EQ(lines_of(drafted.files[1].bytes).size(), 7U);
  expect_contains(drafted.made.at(1), "of the 60 rows");
  for (const std::string& doubt : drafted.doubts) {
    EXPECT_EQ(doubt.find("no dev file"), std::string::npos);
  }
}

}  // namespace
}  // namespace pals
