#include "check/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

class CheckTest : public testing::Test {
 protected:
  /// Checks a file of this one task.
  std::vector<Problem> check(const Json& task) {
    return check_tasks({{"tasks", Json::array({task})}});
  }
  std::vector<Problem> check_tasks(const Json& document) {
    path_ = folder_.write("tasks.json", json_text(document));
    list_ = check_task_file(path_, options_);
    return list_.sorted();
  }

  /// How many problems there are of a severity whose message holds the text, in that file and line.
  int64_t count(const std::vector<Problem>& problems, Severity severity, const std::string& file,
                int64_t line, const std::string& text) const {
    const int64_t found = std::ranges::count_if(problems, [&](const Problem& problem) {
      return problem.severity == severity && problem.file.ends_with(file) && problem.line == line &&
             problem.message.find(text) != std::string::npos;
    });
    if (found == 0) ADD_FAILURE() << "no " << text << " in:\n" << problems_text(list_);
    return found;
  }
  void expect_error(const std::vector<Problem>& problems, const std::string& file, int64_t line,
                    const std::string& text) const {
    EXPECT_EQ(count(problems, Severity::kError, file, line, text), 1) << problems_text(list_);
  }
  void expect_warning(const std::vector<Problem>& problems, const std::string& file, int64_t line,
                      const std::string& text) const {
    EXPECT_EQ(count(problems, Severity::kWarning, file, line, text), 1) << problems_text(list_);
  }

  TemporaryFolder folder_;
  CheckOptions options_;
  std::string path_;
  ProblemList list_;
};

const Json kReviews = {{"name", "reviews"}, {"kind", "classification"}, {"text_a", "text"},
                       {"label", "label"},  {"train", "train.csv"},     {"dev", "dev.csv"}};

/// So many sound rows of both labels.
std::string sound_rows(int count, const std::string& what) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    rows += what + " text number " + std::string(static_cast<size_t>(i) + 1, 'x') +
            (i % 2 == 0 ? ",good\n" : ",bad\n");
  }
  return rows;
}

TEST_F(CheckTest, SoundDataHasNoProblems) {
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train"));
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev"));
  EXPECT_TRUE(check(kReviews).empty()) << problems_text(list_);
  EXPECT_EQ(problems_text(list_), "0 errors, 0 warnings\n");
}

TEST_F(CheckTest, AllFaultsOfRowsAtOnce) {
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train") +
                                 ",good\n"                      // line 32
                                 "a text,good,more\n"           // 33
                                 "bad \xE9 byte,good\n"         // 34
                                 "\"quoted\" text,good\n"       // 35
                                 "once more,-\n"                // 36
                                 "train text number x,bad\n"    // 37: line 2 is good
                                 "TRAIN text, number xx,bad\n"  // 38: three columns
                                 "Train text number xxx.,good\n");
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev") + "a film,neutral\n" +
                               "train text number xxxx,bad\n");
  const std::vector<Problem> found = check(kReviews);
  expect_error(found, "train.csv", 32, "the text is empty");
  expect_error(found, "train.csv", 33, "got 3 columns, want 2");
  expect_error(found, "train.csv", 34, "is not UTF-8");
  expect_error(found, "train.csv", 35, "text after a closing quote");
  expect_error(found, "train.csv", 36, "if this means that the row has none");
  expect_error(found, "train.csv", 37,
               "the text of line 2 with another label: \"bad\", there \"good\"");
  expect_error(found, "train.csv", 38, "got 3 columns");
  expect_error(found, "dev.csv", 8, "unknown label \"neutral\"");
  expect_warning(found, "dev.csv", 9, "overlap with the training data: 1 row of 7 exactly");
  expect_warning(found, "train.csv", 37, "1 row exactly, 1 row but for case");
  EXPECT_EQ(list_.errors(), 8) << problems_text(list_);
}

TEST_F(CheckTest, LabelsThatOnlyDevHasAndOddOnes) {
  Json task = kReviews;
  task["labels"] = {"bad", "good", "fair", "Good", "never"};
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train") + "a,Good\n");
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev") + "b,fair\nc,fair\n");
  const std::vector<Problem> found = check(task);
  expect_error(found, "dev.csv", 8, "label \"fair\" is in no training row, but in 2 here");
  expect_warning(found, "train.csv", 32,
                 "rare labels, with fewer than 10 training rows: \"Good\" (1, first in line 32)");
  expect_warning(found, "train.csv", 0, "labels that no row has: \"never\"");
  expect_warning(found, "train.csv", 32,
                 "labels that differ in case or blanks alone: \"good\" (15, first in line 2) and "
                 "\"Good\" (1, first in line 32)");
  EXPECT_EQ(list_.errors(), 1);
}

TEST_F(CheckTest, LabelsThatDifferInBlanksAlone) {
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train") +
                                 "a,very good\nb,verygood\n" + "c,\xC2\xA0good\n");
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev"));
  const std::vector<Problem> found = check(kReviews);
  expect_warning(found, "train.csv", 32, "blanks alone: \"very good\" (1, first in line 32)");
  expect_warning(found, "train.csv", 34, "blanks alone");
}

TEST_F(CheckTest, LabelsThatLookMistyped) {
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train") + "a b,goood\n");
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev") + "a film,neutral\n");
  const std::vector<Problem> found = check(kReviews);
  expect_warning(found, "train.csv", 32,
                 "label \"goood\" (1, first in line 32) looks mistyped; did you mean \"good\" (15, "
                 "first in line 2)?");
  expect_error(found, "dev.csv", 8, "of these labels \"goood\" looks mistyped");
}

TEST_F(CheckTest, BlankAndUnlabelledRowsHaveTheirPlace) {
  Json task = kReviews;
  task["unlabelled"] = {"-"};
  folder_.write("train.csv",
                "text,label\n" + sound_rows(30, "train") + "\n \na b,-\nc d,-\ne f,bad\n");
  folder_.write("dev.csv", "\ntext,label\n" + sound_rows(6, "dev"));
  const std::vector<Problem> found = check(task);
  expect_warning(found, "train.csv", 32, "2 blank lines passed over; the first is this one");
  expect_warning(found, "train.csv", 34, "2 rows without a label left out; the first is this one");
  expect_warning(found, "dev.csv", 1, "1 blank line passed over");
}

TEST_F(CheckTest, TagsThatDoNotFitTheirScheme) {
  std::string words;
  for (int i = 0; i < 20; ++i) words += "Ada" + std::to_string(i) + " B-PER\nsleeps O\n\n";
  const Json task = {{"name", "names"}, {"kind", "tagging"}, {"train", "names.conll"}};
  folder_.write("names.conll", words + "Rome B-LOC\nOslo I-PER\n\nLima I-LOC\n\nBonn B_LOC\n");
  const std::vector<Problem> found = check(task);
  expect_warning(found, "names.conll", 62,
                 "2 of 23 sentences have tags where the scheme \"bio\" has none such; the first is "
                 "here: \"I-PER\" between \"B-LOC\" and the end");
  expect_error(found, "names.conll", 66,
               "the tag \"B_LOC\" is none of the scheme \"bio\"; did you mean \"B-LOC\"?");
  Json plain = task;
  plain["scheme"] = "plain";
  check(plain);
  EXPECT_EQ(list_.errors(), 0) << problems_text(list_);
}

TEST_F(CheckTest, AHeaderThatIsReadAsData) {
  Json task = kReviews;
  task["text_a"] = 0;
  task["label"] = 1;
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train"));
  folder_.write("dev.csv", sound_rows(6, "dev"));
  expect_error(check(task), "train.csv", 1, "is this row a header");
  EXPECT_EQ(list_.errors(), 1) << problems_text(list_);
  task["header"] = false;
  expect_error(check(task), "train.csv", 1, "with \"text\" for a text?");
}

TEST_F(CheckTest, ManyFaultsOfAKindAreCounted) {
  std::string rows = "text,label\n" + sound_rows(30, "train");
  for (int i = 0; i < 50; ++i) rows += "a,b,c\n";
  folder_.write("train.csv", rows);
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev"));
  const std::vector<Problem> found = check(kReviews);
  EXPECT_EQ(std::ssize(found), ProblemList::kShown + 1);
  EXPECT_EQ(list_.errors(), 50);
  expect_error(found, "train.csv", 0, "and 30 more such as in line 32: got 3 columns");
}

TEST_F(CheckTest, FilesThatAreMissingOrOfAnotherEncoding) {
  Json task = kReviews;
  task["labels"] = {"bad", "good"};
  folder_.write("dev.csv", std::string("\xFF\xFEt\0e\0", 6));
  const std::vector<Problem> found = check(task);
  expect_error(found, "train.csv", 0, "no such file");
  expect_error(found, "dev.csv", 0, "the file is UTF-16");
}

TEST_F(CheckTest, ValuesOfARegression) {
  Json task = {{"name", "values"}, {"kind", "regression"}, {"text_a", 0},        {"text_b", 1},
               {"label", 2},       {"label_scale", 5},     {"train", "sts.tsv"}, {"header", false}};
  folder_.write("sts.tsv", "a\tb\t1\na\tc\tx\nd\t\t2\ne\tf\t7\na\tb\t3\ng\th\t1e999\n");
  const std::vector<Problem> found = check(task);
  expect_error(found, "sts.tsv", 2, "want a number");
  expect_error(found, "sts.tsv", 3, "the second text is empty");
  expect_error(found, "sts.tsv", 6, "want a number");
  expect_warning(found, "sts.tsv", 4, "1 of 4 values is beyond \"label_scale\"");
  expect_warning(found, "sts.tsv", 5, "with other values");
  expect_warning(found, "tasks.json", 3, "no \"dev\" file");
  EXPECT_EQ(list_.errors(), 3) << problems_text(list_);
}

TEST_F(CheckTest, ChoicesLabelListsTagsAndQuestions) {
  folder_.write("choice.jsonl",
                "{\"q\": \"a\", \"c\": [\"x\", \"y\"], \"label\": 1}\n"
                "{\"q\": \"b\", \"c\": [\"x\"], \"label\": 0}\n"
                "{\"q\": \"c\", \"c\": [\"x\", \"y\"], \"label\": 2}\nno json\n");
  folder_.write("topics.jsonl",
                "{\"text\": \"a\", \"topics\": [\"sport\"]}\n"
                "{\"text\": \"b\", \"topics\": [\"sports\", 3]}\n"
                "{\"text\": \"\", \"topics\": [\"money\"]}\n{\"text\": \"a\", \"topics\": []}\n");
  folder_.write("names.conll", "Ada B-PER\nsleeps O\n\nRome B-LOC\nshines\n\nOslo X\n");
  folder_.write(
      "squad.json",
      R"({"data": [{"paragraphs": [{"context": "Ada lives in Rome.", "qas": [)"
      R"({"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]},)"
      R"({"id": "2", "question": "Where?", "answers": [{"text": "Rome", "answer_start": 99}]},)"
      R"({"id": "1", "question": "?", "answers": []}]}]}]})");
  const Json tasks = Json::array({{{"name", "choice"},
                                   {"kind", "multiple_choice"},
                                   {"context", "q"},
                                   {"choices", "c"},
                                   {"label", "label"},
                                   {"train", "choice.jsonl"}},
                                  {{"name", "topics"},
                                   {"kind", "multi_label"},
                                   {"labels", {"sport", "money"}},
                                   {"text_a", "text"},
                                   {"label", "topics"},
                                   {"train", "topics.jsonl"}},
                                  {{"name", "names"},
                                   {"kind", "tagging"},
                                   {"train", "names.conll"},
                                   {"labels", {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}}},
                                  {{"name", "squad"}, {"kind", "span"}, {"train", "squad.json"}}});
  const std::vector<Problem> found = check_tasks({{"tasks", tasks}});
  expect_error(found, "choice.jsonl", 2, "1 choice, want 2");
  expect_error(found, "choice.jsonl", 3, "want the number of the right choice");
  expect_error(found, "choice.jsonl", 4, "column ");
  expect_error(found, "topics.jsonl", 2, "holds number, want strings");
  expect_error(found, "topics.jsonl", 3, "the text is empty");
  expect_error(found, "topics.jsonl", 4, "with another label: none, there \"sport\"");
  expect_error(found, "names.conll", 5, "want a tag in column");
  expect_error(found, "names.conll", 7, "unknown tag \"X\"");
  expect_error(found, "squad.json", 0, "\"answer_start\" is \"99\"");
  expect_error(found, "squad.json", 0, "this id stands in the file twice");
}

TEST_F(CheckTest, WrongKeysOfATaskFileWithTheirLines) {
  path_ = folder_.write("tasks.json",
                        "{\n \"tasks\": [\n  {\n   \"name\": \"a\",\n   \"kind\": \"regression\",\n"
                        "   \"lable\": 1,\n   \"text_a\": 0,\n   \"label\": 2,\n"
                        "   \"label_scale\": 0,\n   \"train\": \"a.tsv\"\n  },\n"
                        "  {\"name\": \"a\", \"kind\": \"span\", \"dev\": \"b.json\"},\n"
                        "  {\"name\": \"c\", \"kind\": \"guess\"}\n ],\n \"task\": 1\n}\n");
  folder_.write("a.tsv", "a\tb\t1\nc\td\t2\n");
  list_ = check_task_file(path_, options_);
  const std::vector<Problem> found = list_.sorted();
  expect_error(found, "tasks.json", 6, "unknown key \"lable\"");
  expect_error(found, "tasks.json", 9, "\"label_scale\" is \"0\"");
  expect_error(found, "tasks.json", 12, "a task of this name stands in line 3 already");
  expect_error(found, "tasks.json", 12, "no \"train\" file");
  expect_error(found, "tasks.json", 13, "unknown kind \"guess\"");
  expect_error(found, "tasks.json", 0, "unknown key \"task\" beside");
  expect_error(found, "b.json", 0, "no such file");
}

TEST_F(CheckTest, LengthsWithoutAVocabulary) {
  std::string text = "word";
  for (int i = 0; i < 200; ++i) text += " word";
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train") + text + ",good\n");
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev"));
  expect_warning(check(kReviews), "train.csv", 32, "the longest, here, 203; estimated by words");
}

TEST_F(CheckTest, AdaptersAreAskedFor) {
  Json task = kReviews;
  task["adapter"] = {{"kind", "lorra"}};
  folder_.write("train.csv", "text,label\n" + sound_rows(30, "train"));
  folder_.write("dev.csv", "text,label\n" + sound_rows(6, "dev"));
  options_.check_adapter = [](const Task& checked) { fail("no adapter ", checked.adapter); };
  expect_error(check(task), "tasks.json", 3, "no adapter {\"kind\":\"lorra\"}");
}

}  // namespace
}  // namespace pals
