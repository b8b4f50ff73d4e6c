#include "draft/draft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "catalog/reader.h"
#include "catalog/task_file.h"
#include "draft/names.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

class DraftTest : public testing::Test {
 protected:
  /// Drafts tasks of files (names and contents), and reads them as training does.
  std::vector<Task> draft(const std::vector<std::pair<std::string, std::string>>& files) {
    std::vector<std::string> paths;
    for (const auto& [name, bytes] : files) paths.push_back(folder_.write(name, bytes));
    drafted_ = draft_tasks(paths, folder_.path());
    std::vector<Task> tasks =
        read_task_file(folder_.write("tasks.json", json_text(drafted_.document)));
    for (const Task& task : tasks) {
      for (const DataFile& file : task.files) read_examples(task, file, "");
    }
    return tasks;
  }
  Json task(size_t number = 0) const { return Json(drafted_.document["tasks"][number]); }
  bool doubts(const std::string& text) const {
    return std::ranges::any_of(
        drafted_.doubts, [&](const std::string& doubt) { return doubt.find(text) != doubt.npos; });
  }

  TemporaryFolder folder_;
  DraftedTasks drafted_;
};

TEST_F(DraftTest, ClassificationWithAHeader) {
  const std::string rows =
      "id,review,verdict\n1,\"Slow, but worth it.\",good\n2,Never again ever,bad\n"
      "3,What a nice film,good\n4,Cold soup,bad\n";
  draft({{"reviews-train.csv", rows}, {"reviews-dev.csv", rows}});
  EXPECT_EQ(task(), Json({{"name", "reviews"},
                          {"kind", "classification"},
                          {"text_a", "review"},
                          {"label", "verdict"},
                          {"train", "reviews-train.csv"},
                          {"dev", "reviews-dev.csv"}}));
  EXPECT_TRUE(drafted_.doubts.empty()) << drafted_.doubts.front();
}

TEST_F(DraftTest, TablesWithoutAHeader) {
  std::string rows;
  for (int i = 0; i < 30; ++i) {
    rows += "a film to see " + std::string(static_cast<size_t>(i) + 1, 'x') +
            (i % 2 == 0 ? "\tgood\n" : "\tbad\n");
  }
  draft({{"train.txt", rows}, {"dev.tsv", rows}});
  EXPECT_EQ(task()["text_a"], 0);
  EXPECT_EQ(task()["label"], 1);
  EXPECT_EQ(task()["header"], false);
  EXPECT_EQ(task()["train"], Json({{"path", "train.txt"}, {"format", "tsv"}}));
  EXPECT_EQ(task()["dev"], "dev.tsv");
}

TEST_F(DraftTest, PairsWithValuesAreARegression) {
  const std::string rows =
      "index\tsentence1\tsentence2\tscore\n0\ta man sings\tsomeone sings\t4.5\n"
      "1\ta cat sleeps\tthe stock fell\t0\n2\tit rains now\tit is wet\t3.2\n";
  draft({{"sts_train.tsv", rows}, {"sts_valid.tsv", rows}});
  EXPECT_EQ(task()["kind"], "regression");
  EXPECT_EQ(task()["label_scale"], 5);
  EXPECT_EQ(task()["text_a"], "sentence1");
  EXPECT_EQ(task()["text_b"], "sentence2");
  EXPECT_EQ(task()["name"], "my_sts");  // GLUE has one of that name
  EXPECT_TRUE(task().contains("dev"));
}

TEST_F(DraftTest, WholeNumbersAreClassesThatAreDoubted) {
  std::string rows = "text,stars\n";
  for (int i = 0; i < 20; ++i)
    rows += "a text of words " + std::to_string(i) + "," + std::to_string(i % 5 + 1) + "\n";
  draft({{"train.csv", rows}});
  EXPECT_EQ(task()["kind"], "classification");
  EXPECT_TRUE(doubts("\"regression\""));
  EXPECT_TRUE(doubts("no dev file"));
}

TEST_F(DraftTest, LabelsInOneColumnOrMany) {
  const std::string one =
      "text,topics\na b c,sport;money\nd e f,sport\ng h i,money\nj k l,\nm n o,money;sport\n";
  const std::string many = "text,sport,money\na b c,1,1\nd e f,1,0\ng h i,0,1\nj k l,0,0\n";
  draft({{"one-train.csv", one}, {"many-train.csv", many}});
  EXPECT_EQ(task(0)["kind"], "multi_label");
  EXPECT_EQ(task(0)["label_separator"], ";");
  EXPECT_EQ(task(1)["kind"], "multi_label");
  EXPECT_EQ(task(1)["label_columns"], Json({"sport", "money"}));
}

TEST_F(DraftTest, JsonLines) {
  const std::string choice =
      "{\"question\": \"Why is it so?\", \"options\": [\"one\", \"two\"], \"label\": 1}\n"
      "{\"question\": \"Who is it then?\", \"options\": [\"a\", \"b\"], \"label\": 0}\n";
  const std::string topics =
      "{\"text\": \"The bank sponsors it.\", \"topics\": [\"sport\", \"money\"]}\n"
      "{\"text\": \"It rains a lot.\", \"topics\": []}\n";
  const std::string wet =
      "{\"premise\": \"It rains now.\", \"hypothesis\": \"The street is wet.\", \"label\": true}\n"
      "{\"premise\": \"It rains again.\", \"hypothesis\": \"It is Monday.\", \"label\": false}\n";
  const std::string words =
      "{\"tokens\": [\"Ada\", \"lived\"], \"ner_tags\": [\"B-PER\", \"O\"]}\n"
      "{\"tokens\": [\"Rome\", \"shines\"], \"ner_tags\": [\"B-LOC\", \"O\"]}\n";
  const std::string spans =
      "{\"text\": \"Ada lived in London.\", \"names\": [[0, 3, \"PER\"], [13, 19, \"LOC\"]]}\n"
      "{\"text\": \"It rains there.\", \"names\": []}\n";
  const std::vector<Task> tasks = draft({{"choice-train.jsonl", choice},
                                         {"topics-train.jsonl", topics},
                                         {"wet-train.jsonl", wet},
                                         {"words-train.jsonl", words},
                                         {"spans-train.jsonl", spans}});
  ASSERT_EQ(tasks.size(), 5U);
  const TaskKind kinds[] = {TaskKind::kMultipleChoice, TaskKind::kMultiLabel,
                            TaskKind::kClassification, TaskKind::kTagging, TaskKind::kTagging};
  for (size_t i = 0; i < tasks.size(); ++i) EXPECT_EQ(tasks[i].kind, kinds[i]) << tasks[i].name;
  EXPECT_EQ(task(0)["context"], "question");
  EXPECT_EQ(task(3)["scheme"], "bio");
}

TEST_F(DraftTest, ConllAndSquad) {
  const std::string words = "Ada I-PER\nlived O\n\nRome I-LOC\nshines O\n";
  const std::string squad =
      R"({"data": [{"paragraphs": [{"context": "Ada lives.", "qas": [{"id": "1", )"
      R"("question": "Who?", "answers": []}, {"id": "2", "question": "Who?", )"
      R"("answers": [{"text": "Ada", "answer_start": 0}]}]}]}]})";
  draft({{"names-train.txt", words}, {"names-test.conll", words}, {"squad-train.json", squad}});
  EXPECT_EQ(task(0)["scheme"], "iob1");
  EXPECT_EQ(task(0)["train"]["format"], "conll");
  EXPECT_EQ(task(1)["kind"], "span");
  EXPECT_EQ(task(1)["unanswerable"], true);
}

TEST_F(DraftTest, ChoicesInColumnsAndRowsWithoutLabels) {
  draft({{"swag_train.csv",
          ",sent1,sent2,ending0,ending1,label\n0,She opens it,She,reads a letter,runs away,0\n"
          "1,He sits down,He,sleeps a while,sings a song,1\n"},
         {"nli_train.tsv",
          "premise\thypothesis\tgold_label\na b c\td e f\tyes\ng h i\tj k l\t-\nm n o\tp q "
          "r\tno\n"}});
  EXPECT_EQ(task(0)["kind"], "multiple_choice");
  EXPECT_EQ(task(0)["start"], "sent2");
  EXPECT_EQ(task(0)["choices"], Json({"ending0", "ending1"}));
  EXPECT_EQ(task(1)["unlabelled"], Json({"-"}));
}

TEST_F(DraftTest, TestFilesLackTheLabel) {
  draft({{"a-train.tsv",
          "good\ta film to see\nbad\tcold soup here\ngood\tan old friend\n"
          "bad\tnever go there\n"},
         {"a-test.tsv", "some text here\nanother text here\n"}});
  EXPECT_EQ(task()["label"], 0);
  EXPECT_EQ(task()["test"], Json({{"path", "a-test.tsv"}, {"text_a", 0}, {"header", false}}));
}

TEST_F(DraftTest, WhatCannotBeATaskIsRefused) {
  const auto refusal = [&](const std::string& name, const std::string& bytes) {
    const std::string path = folder_.write(name, bytes);
    return message_of([&] { draft_tasks({path}, folder_.path()); });
  };
  expect_contains(refusal("x-dev.csv", "text,label\na b,c\n"), "no training file goes with it");
  expect_contains(refusal("x-train.dat", "a;b\nc;d\n"), "semicolons part its columns");
  expect_contains(refusal("y-train.json", "[{\"a\": 1}]"), "a JSON list");
  expect_contains(refusal("z-train.csv", "1,2\n3,4\n5,6\n"), "no column looks like");
  expect_contains(refusal("e-train.csv", ""), "empty");
  expect_contains(message_of<UsageError>([] { draft_tasks({}, ""); }), "no files");
}

TEST(Names, SayWhatGoesTogether) {
  const std::vector<FileGroup> groups =
      group_files({"d/train.csv.gz", "d/validation.csv", "d/test.csv", "all_train.tsv",
                   "x/dev/rows.tsv", "x/train/rows.tsv", "alone.csv"});
  ASSERT_EQ(groups.size(), 4U);
  EXPECT_EQ(groups[0].name, "d");
  EXPECT_EQ(groups[0].files[1].split, "dev");
  EXPECT_EQ(groups[0].files[2].split, "test");
  EXPECT_EQ(groups[1].name, "my_all");
  EXPECT_EQ(groups[2].name, "rows");
  EXPECT_EQ(groups[2].files[0].split, "train");
  EXPECT_FALSE(groups[3].split_said);
}

}  // namespace
}  // namespace pals
