// Files with a fault, or of another sort than their names say: what is said of them.
#include <gtest/gtest.h>

#include <string>

#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_file.h"
#include "draft/draft.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

class FaultsTest : public testing::Test {
 protected:
  Json draft(const std::string& name, const std::string& bytes, const SplitRules& rules = {}) {
    drafted_ = draft_tasks({folder_.write(name, bytes)}, folder_.path(), rules);
    doubts_ = join(drafted_.doubts, "\n");
    return Json(drafted_.document["tasks"][0]);
  }
  /// What training says of the drafted task.
  std::string training_error() {
    const std::string path = folder_.write("tasks.json", json_text(drafted_.document));
    return message_of([&] {
      for (const Task& task : read_task_file(path)) {
        for (const DataFile& file : task.files) read_examples(task, file, "");
      }
    });
  }
  std::string refusal(const std::string& name, const std::string& bytes) {
    return message_of([&] { draft(name, bytes); });
  }

  TemporaryFolder folder_;
  DraftedTasks drafted_;
  std::string doubts_;
};

/// A CSV file under a header, with a row for each of `count` numbers.
template <typename RowOf>
std::string table(const std::string& header, int count, const RowOf& row) {
  std::string bytes = header + "\n";
  for (int i = 0; i < count; ++i) bytes += row(i) + "\n";
  return bytes;
}

std::string words(int i) { return "a text of words " + std::to_string(i) + "x"; }

TEST_F(FaultsTest, NumbersWithABadCellAreNoClassesWithIt) {
  for (const int classes : {2, 5}) {
    const Json task =
        draft("stars-train.csv", table("text,stars", 50, [&](int i) {
                return words(i) + "," + (i == 9 ? "x" : std::to_string(i % classes + 1));
              }));
    EXPECT_EQ(task["kind"], "classification");
    EXPECT_EQ(task["labels"].size(), static_cast<size_t>(classes));
    expect_contains(doubts_, "stars-train.csv:11 \"x\"), which `pals train` refuses");
    expect_contains(training_error(), "stars-train.csv:11: unknown label \"x\"");
  }
}

TEST_F(FaultsTest, OtherEncodingsAreNamedWithTheLine) {
  const std::string latin = table(
      "text,label", 20, [](int i) { return "caf\xE9 " + words(i) + (i % 2 == 0 ? ",a" : ",b"); });
  expect_contains(refusal("a.csv", latin), "a.csv:2: byte 4 of the line, 0xE9, is not UTF-8");
  expect_contains(refusal("a.tsv", "caf\xE9\ta\n"), "a.tsv:1: byte 4 of the line");
  draft("b.csv", table("text,label", 20, [](int i) {
          return (i == 7 ? "caf\xE9 " : "") + words(i) + (i % 2 == 0 ? ",a" : ",b");
        }));
  expect_contains(doubts_,
                  "1 row of b.csv cannot be read, not counted elsewhere here; the first: ");
  expect_contains(doubts_, "b.csv:9: byte 4 of the line, 0xE9");
}

TEST_F(FaultsTest, NamesThatComeTwiceAreNamed) {
  const auto repeated = [&](const std::string& header) {
    const std::string said =
        refusal("a-train.csv",
                table(header, 30, [](int i) { return words(i) + ",more," + std::to_string(i); }));
    expect_contains(said, "a-train.csv:1: the header has a name twice");
    return said;
  };
  expect_contains(repeated("text,text,label"), "\"text\" (columns 0 and 1");
  expect_contains(repeated("some,thing,thing"), "\"thing\" (columns 1 and 2");
  // Data without a header.
  EXPECT_EQ(draft("b-train.csv", "yes,yes,a b c\nno,no,d e f\nyes,yes,g h i\n")["header"], false);
}

TEST_F(FaultsTest, WidthsThatDifferAreNamed) {
  const auto row = [](int i, int every) {
    return words(i) + (i % every == 3 ? ", with more" : "") + (i % 2 == 0 ? ",a" : ",b");
  };
  const auto rows = [&](int every) {
    return table("text,label", 40, [&](int i) { return row(i, every); });
  };
  expect_contains(refusal("a.csv", rows(4)),
                  "a.csv:5: 3 fields, but line 1, the first row, has 2, as 31 of 41 rows; a field "
                  "with commas wants double quotes");
  expect_contains(refusal("a.csv", table("text,label", 9, [](int i) { return words(i) + ",a,"; })),
                  "a.csv:2: 3 fields, but line 1, the first row, has 2, as 1 of 10 rows");
  expect_contains(refusal("a.tsv", "text\tlabel\na b\nc d\tx\n"), "is a separator missing?");
  EXPECT_EQ(draft("b.csv", rows(20))["text_a"], "text");
  expect_contains(doubts_,
                  "2 rows of b.csv cannot be read, not counted elsewhere here; the first: ");
  expect_contains(doubts_, "b.csv:5: 3 fields, but line 1, the first row, has 2; a field");
}

TEST_F(FaultsTest, NumbersInOtherDressAreNamedWithTheirCount) {
  const auto refused = [&](const auto& value) {
    return refusal("a-train.csv", table("text,score", 60,
                                        [&](int i) { return words(i) + ",\"" + value(i) + "\""; }));
  };
  expect_contains(refused([](int i) { return std::to_string(i) + "%"; }),
                  "a-train.csv:2: \"0%\" has a percent sign, as 60 of 60 values");
  expect_contains(refused([](int i) { return "1," + std::to_string(200 + i); }),
                  "\"1,200\" has thousands set apart by a comma, as 60 of 60 values");
  expect_contains(refused([](int i) { return "$" + std::to_string(i) + ".50"; }),
                  "\"$0.50\" has a sign of money");
  expect_contains(refused([](int i) { return std::to_string(i % 5) + (i % 7 == 0 ? ",5" : ".5"); }),
                  "\"0,5\" has a decimal comma, as 9 of 60 values");
}

TEST_F(FaultsTest, KeysThatFewObjectsLackAreNamed) {
  const auto objects = [](const std::string& odd) {
    return table("", 30, [&](int i) {
      const std::string key = i == 11 ? odd : R"("label": ")" + std::string(1, "ab"[i % 2]) + "\"";
      return R"({"text": ")" + words(i) + "\", " + key + "}";
    });
  };
  for (const char* odd : {R"("lable": "a")", R"("other": 1)"}) {
    EXPECT_EQ(draft("a-train.jsonl", objects(odd))["label"], "label");
    expect_contains(doubts_, "1 row of a-train.jsonl without the key \"label\"");
    expect_contains(doubts_, "a-train.jsonl:13: no key \"label\" in this object");
  }
  const std::string half = table("", 30, [&](int i) {
    return R"({"text": ")" + words(i) + (i % 2 == 1 ? R"(", "label": "b"})" : "\"}");
  });
  expect_contains(refusal("a-train.jsonl", half), "a-train.jsonl:2: no key \"label\"");
}

TEST_F(FaultsTest, ObjectsWithAnotherKindOfValueAreNamed) {
  const auto objects = [](int count, const std::string& odd, const std::string& rest = "") {
    return table("", count, [&](int i) {
      const std::string label = i == 3 ? odd : "\"" + std::string(1, "ab"[i % 2]) + "\"";
      return R"({"text": ")" + words(i) + R"(", "label": )" + label + (i == 4 ? rest : "") + "}";
    });
  };
  for (const char* odd : {R"(["a"])", R"([{"a": 1}])", R"({"a": 1})", "[]"}) {
    const Json task = draft("a-train.jsonl", objects(30, odd, R"(, "sentiment": "b")"));
    EXPECT_EQ(task["kind"], "classification");
    EXPECT_EQ(task["label"], "label");
    expect_contains(doubts_,
                    "1 row of a-train.jsonl with another kind of value for the key \"label");
    expect_contains(doubts_, "a-train.jsonl:5: key \"label\" is ");
    expect_contains(training_error(), "a-train.jsonl:5: ");
  }
  expect_contains(
      refusal("a-train.jsonl", objects(6, R"(["a"])", R"(, "sentiment": "b")")),
      "a-train.jsonl:5: key \"label\" is a list, unlike in 5 of 6 rows; write it alike");
  const std::string lists = table("", 20, [](int i) {
    return R"({"text": ")" + words(i) + R"(", "topics": )" +
           (i == 7       ? R"("a")"
            : i == 3     ? "[]"
            : i % 2 == 0 ? R"(["a"])"
                         : R"(["a", "b"])") +
           "}";
  });
  EXPECT_EQ(draft("b-train.jsonl", lists)["kind"], "multi_label");
  expect_contains(doubts_, "b-train.jsonl:9: key \"topics\" is no list, unlike in 18 of 20 rows");
}

TEST_F(FaultsTest, ALabelWithOneValueIsNamed) {
  const auto same = [](const char* header) {
    return table(header, 12, [](int i) { return words(i) + ",a"; });
  };
  expect_contains(
      refusal("a-train.csv", same("text,label")),
      "a-train.csv: column \"label\" has one value alone, \"a\"; a task needs two or more");
  expect_contains(refusal("a-train.csv", same("text,tone")), "column \"tone\" has one value alone");
  expect_contains(refusal("a-train.csv", "text,label\na b,x\nc d,x\n"), "one value alone, \"x\"");
}

TEST_F(FaultsTest, RowsWithAFaultAreCountedApart) {
  draft("films.csv",
        table("text,score", 400,
              [](int i) {
                if (i == 20) return words(i) + ",1.5,2";
                const std::string value = std::to_string(i % 5) + "." + std::to_string(i * 7 % 10);
                return words(i) + "," + (i == 9 || i == 30 ? "x" : value);
              }),
        {.dev_fraction = 0.25});
  expect_contains(doubts_, "1 row of films.csv cannot be read, not counted elsewhere here");
  expect_contains(doubts_, "2 of 399 values are no numbers");
  expect_contains(drafted_.made.at(1), "of the 397 rows");
  expect_contains(drafted_.made.at(1), "(3 rows with a fault not counted)");
}

TEST_F(FaultsTest, FilesAreLookedForFirst) {
  EXPECT_THROW(require_data_files({}), UsageError);
  const std::string path = folder_.write("a.csv", "text,label\na b,x\nc d,y\n");
  require_data_files({path});
  expect_contains(message_of([&] { require_data_files({path, "none.csv"}); }), "none.csv: No such");
  expect_contains(message_of([&] { require_data_files({folder_.path()}); }), "it is a folder");
}

TEST_F(FaultsTest, OtherSeparatorsAreNamed) {
  const auto rows = [](char separator) {
    std::string bytes = std::string("text") + separator + "label\n";
    for (int i = 0; i < 9; ++i) bytes += words(i) + separator + (i % 2 == 0 ? "a\n" : "b\n");
    return bytes;
  };
  expect_contains(refusal("a.csv", rows('\t')), "a.csv: tabs part its columns");
  expect_contains(refusal("a.tsv", rows(',')), "a.tsv: commas part its columns");
  for (const char* name : {"a.csv", "a.tsv", "a.txt"}) {
    expect_contains(refusal(name, rows('|')), "bars part its columns");
    expect_contains(refusal(name, rows('|')), "delimiter='|'");
    expect_contains(refusal(name, rows(';')), "semicolons part its columns");
  }
}

TEST_F(FaultsTest, RowsWithoutAnyOfSeveralLabelsStay) {
  const auto topics = [](const char* none) {
    return table("text,topics", 12, [&](int i) {
      return words(i) + "," + (i % 4 == 0 ? "sport;money" : i % 4 == 1 ? none : "sport");
    });
  };
  Json task = draft("a-train.csv", topics(""));
  EXPECT_EQ(task["kind"], "multi_label");
  EXPECT_FALSE(task.contains("unlabelled"));
  expect_contains(doubts_, "3 of 12 rows have an empty field for labels; such rows stay");
  EXPECT_EQ(doubts_.find("leaves them out"), std::string::npos) << doubts_;
  task = draft("a-train.csv", topics("n/a"));
  EXPECT_EQ(task["unlabelled"], Json({"n/a"}));
  expect_contains(doubts_, "3 of 12 rows have no label (\"n/a\"); \"unlabelled\" leaves them out");
}

TEST_F(FaultsTest, ADividedFileIsNotNamedAsOneOfTheTask) {
  draft("films.csv",
        table("text,stars", 40,
              [](int i) { return words(i) + "," + (i == 9 ? "x" : std::to_string(i % 2)); }),
        {.dev_fraction = 0.25});
  expect_contains(drafted_.made.at(0), "train films.train.csv, dev films.dev.csv");
  expect_contains(doubts_, "films.csv:11 \"x\"");
  expect_contains(doubts_, "films.csv, before it was divided");
  EXPECT_EQ(doubts_.find("is taken for training"), std::string::npos) << doubts_;
}

TEST_F(FaultsTest, BinaryFilesAreRefusedWithTheFormatsThatAreRead) {
  const std::string binary("PAR1\x15\0\x15\0", 8);
  expect_contains(refusal("x.parquet", binary), "x.parquet: Parquet is not read, want TSV, CSV");
  for (const char* name : {"x.bin", "x.csv", "x.jsonl"}) {
    const std::string said = refusal(name, std::string("ARROW1\0\0\xFF", 9));
    expect_contains(said, "are no text");
    expect_contains(said, "want TSV, CSV, JSONL, CoNLL or SQuAD's JSON");
  }
}

TEST_F(FaultsTest, TwoColumnsThatCouldBeTheLabelAreBothNamed) {
  const auto two = [](const char* header, int classes) {
    return table(header, 60, [=](int i) {
      return words(i) + "," + std::string(1, "xyzuvw"[i % classes]) + "," +
             std::string(1, "ab"[i % 2]);
    });
  };
  for (const char* header : {"text,label,category", "text,tone,sort"}) {
    for (const int classes : {2, 6}) {
      const Json label = draft("a-train.csv", two(header, classes))["label"];
      expect_contains(doubts_, "the label: " + json_text(label, -1) + " is taken");
      expect_contains(doubts_, "could be it as well; \"label\": \"");
      expect_contains(doubts_, "\" in the task file chooses that one");
    }
  }
  draft("a-train.csv", two("text,sort,label", 2));
  EXPECT_EQ(doubts_.find("could be it"), std::string::npos) << doubts_;
}

}  // namespace
}  // namespace pals
