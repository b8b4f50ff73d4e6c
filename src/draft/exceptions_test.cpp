// Files in which nearly all is of one kind.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/text_util.h"
#include "draft/draft.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

class ExceptionsTest : public testing::Test {
 protected:
  Json draft(const std::string& name, const std::string& bytes) {
    drafted_ = draft_tasks({folder_.write(name, bytes)}, folder_.path());
    doubts_ = join(drafted_.doubts, "\n");
    return Json(drafted_.document["tasks"][0]);
  }
  std::string refusal(const std::string& name, const std::string& bytes) {
    return message_of([&] { draft(name, bytes); });
  }

  TemporaryFolder folder_;
  DraftedTasks drafted_;
  std::string doubts_;
};

/// A row for each of `count` values, which `value` gives by the row's number.
template <typename Value>
std::string rows_of(int count, const Value& value) {
  std::string rows = "text,score\n";
  for (int i = 0; i < count; ++i) {
    rows += "a text of words " + std::to_string(i) + "x,\"" + value(i) + "\"\n";
  }
  return rows;
}

std::string decimal(int i, char point) {
  return std::to_string(i % 5) + point + std::to_string(i * 7 % 10);
}

TEST_F(ExceptionsTest, AFewValuesThatAreNoNumbersLeaveARegression) {
  const Json task = draft("scores-train.csv", rows_of(300, [](int i) {
                            return i == 40 ? "4,5" : i == 70 ? "x" : decimal(i, '.');
                          }));
  EXPECT_EQ(task["kind"], "regression");
  expect_contains(doubts_, "scores-train.csv:42 \"4,5\"");
  expect_contains(doubts_, "line 72 \"x\"");
  expect_contains(doubts_, "2 of 300 values are no numbers");
}

TEST_F(ExceptionsTest, ValuesThatAreFarOutDoNotMakeTheScale) {
  const auto values = [](int count, const std::string& out, int every = 1000) {
    return rows_of(count, [=](int i) { return i % every == 40 ? out : decimal(i, '.'); });
  };
  for (const char* out : {"50", "-999", "1e30"}) {
    EXPECT_EQ(draft("scores-train.csv", values(400, out))["label_scale"], 5.0);
    expect_contains(doubts_, std::string("\"score\": 1 of 400 values is far out (") +
                                 folder_.path() + "/scores-train.csv:42 \"" + out +
                                 "\"), the next largest is \"4.8\"");
  }
  EXPECT_EQ(draft("scores-train.csv", values(400, "50", 100))["label_scale"], 5.0);
  expect_contains(doubts_, "4 of 400 values are far out (");
  expect_contains(doubts_, "line 142 \"50\", line 242 \"50\", ...");
  // Not far, too many, and among too few.
  for (const std::string& bytes :
       {values(400, "14"), values(400, "14", 50), values(400, "50", 50), values(15, "50", 41)}) {
    const Json task = draft("scores-train.csv", bytes);
    EXPECT_EQ(task["kind"], "regression");
    EXPECT_EQ(doubts_.find("far out"), std::string::npos) << doubts_;
  }
  EXPECT_EQ(draft("scores-train.csv", values(400, "50", 50))["label_scale"], 50.0);
}

TEST_F(ExceptionsTest, WholeNumbersWithAnExceptionAreClassesAndItIsNamed) {
  const Json task =
      draft("stars-train.csv",
            rows_of(50, [](int i) { return i == 9 ? "two" : std::to_string(i % 5 + 1); }));
  EXPECT_EQ(task["kind"], "classification");
  expect_contains(doubts_, "stars-train.csv:11 \"two\"");
}

TEST_F(ExceptionsTest, DecimalCommasAreNamed) {
  expect_contains(refusal("scores-train.csv", rows_of(60, [](int i) { return decimal(i, ','); })),
                  "scores-train.csv:2: \"0,0\" has a decimal comma");
}

TEST_F(ExceptionsTest, NumbersOfLabelsWithCommasAreLabels) {
  const Json task = draft("topics-train.csv", rows_of(60, [](int i) {
                            return i % 3 == 0 ? "1,3" : i % 3 == 1 ? "2" : "1,2";
                          }));
  EXPECT_EQ(task["kind"], "multi_label");
  EXPECT_EQ(task["label_separator"], ",");
}

/// Sentences of a name and a verb; `tag` gives the name's tag by the number of the sentence.
template <typename TagOf>
std::string sentences(int count, const TagOf& tag) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "Ada " + tag(i) + "\nsleeps O\n\n";
  return lines;
}

TEST_F(ExceptionsTest, ATagThatDoesNotFitLeavesTheScheme) {
  const auto mistyped = [](int i) { return std::string(i == 3 ? "B_PER" : "B-PER"); };
  EXPECT_EQ(draft("names-train.conll", sentences(20, mistyped))["scheme"], "bio");
  expect_contains(doubts_, "1 of the 20 tags but O does not fit \"bio\"");
  expect_contains(doubts_, "names-train.conll:10 \"B_PER\"");

  const std::string odd =
      sentences(20, [](int) { return std::string("B-PER"); }) + "Rome B-PER\nOslo I-LOC\n";
  EXPECT_EQ(draft("names-train.conll", odd)["scheme"], "bio");
  expect_contains(doubts_, "names-train.conll:62 \"I-LOC\"");

  const std::string bioes = sentences(20, [](int) { return std::string("S-PER"); }) +
                            "New B-LOC\nYork E-LOC\n\nLos B-LOC\nlives O\n";
  EXPECT_EQ(draft("names-train.conll", bioes)["scheme"], "bioes");
  expect_contains(doubts_, "names-train.conll:64 \"B-LOC\"");
}

TEST_F(ExceptionsTest, OtherTagsArePlainWithoutAWord) {
  const auto noun = [](int i) { return std::string(i % 2 == 0 ? "NOUN" : "PROPN"); };
  EXPECT_EQ(draft("words-train.conll", sentences(10, noun))["scheme"], "plain");
  EXPECT_EQ(doubts_.find("scheme"), std::string::npos) << doubts_;
}

TEST_F(ExceptionsTest, SemicolonsAndSpreadsheetsAreRefusedWithWhatToDo) {
  expect_contains(refusal("a-train.csv", "text;label\ngood, really;1\nbad, indeed;0\n"),
                  "semicolons part its columns");
  expect_contains(refusal("a-train.csv", "text;score\n\"a; b\";4,5\nc;3,0\n"), "delimiter=';'");
  expect_contains(refusal("a.xlsx", std::string("PK\x03\x04\x14\0\6\0", 8)), "CSV UTF-8");
  // Semicolons of a text.
  EXPECT_EQ(draft("b-train.csv", "text,label\na; b c,x\nd; e f,y\n")["kind"], "classification");
}

TEST_F(ExceptionsTest, AFileGivenTwiceIsTakenOnce) {
  const std::string path = folder_.write("train.csv", "text,label\na b,x\nc d,y\n");
  const DraftedTasks drafted = draft_tasks({path, folder_.path() + "/./train.csv"}, folder_.path());
  EXPECT_EQ(drafted.document["tasks"].size(), 1U);
  EXPECT_FALSE(drafted.document["tasks"][0].contains("train_2"));
  expect_contains(drafted.doubts.front(), "given twice");
}

}  // namespace
}  // namespace pals
