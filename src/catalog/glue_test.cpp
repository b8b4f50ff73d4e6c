#include "tasks/glue.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/file.h"
#include "catalog/reader.h"
#include "kinds/kind.h"
#include "tasks/task_selection.h"
#include "tasks/test_files.h"

namespace pals {
namespace {

using Names = std::vector<std::string>;

TEST(Glue, ListsTheTasksInTheReferencesOrder) {
  EXPECT_EQ(task_names(glue_tasks()),
            (Names{"cola", "mrpc", "mnli", "rte", "sts", "sst", "qqp", "qnli", "wnli"}));
  for (const Task& task : glue_tasks()) {
    EXPECT_EQ(files_of(task, "train").size(), 1U) << task.name;
    EXPECT_GE(files_of(task, "dev").size(), 1U) << task.name;
    for (const DataFile* file : files_of(task, "test")) EXPECT_FALSE(file->label) << file->path;
  }
  EXPECT_EQ(files_of(glue_tasks()[2], "dev").size(), 2U);
  EXPECT_EQ(find_file(glue_tasks()[2], "dev"), nullptr);
}

TEST(Glue, NumbersTheLabelsAsTheReference) {
  EXPECT_EQ(glue_tasks()[2].labels, (Names{"contradiction", "entailment", "neutral"}));
  EXPECT_EQ(glue_tasks()[3].labels, (Names{"not_entailment", "entailment"}));
  EXPECT_EQ(glue_tasks()[7].labels, (Names{"not_entailment", "entailment"}));
  EXPECT_EQ(num_outputs(glue_tasks()[4]), 1);
  EXPECT_EQ(glue_tasks()[4].label_scale, 5.0);
}

/// A few rows of each task in the original layout, read through its row of the table.
TEST(Glue, ReadsTheOriginalLayout) {
  const TemporaryFolder folder;
  folder.write("CoLA/train.tsv", "gj04\t1\t\tThe sailors rode \"it.\n");
  folder.write("CoLA/test.tsv", "index\tsentence\n0\tBill whistled.\n");
  folder.write("MRPC/train.tsv",
               "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
               "1\t7\t8\tfirst .\tsecond .\r\n");
  folder.write("STS-B/dev.tsv",
               "index\tgenre\tfilename\tyear\told_index\ts1\ts2\tsentence1\t"
               "sentence2\tscore\n0\tg\tf\ty\t1\tn\tn\tA man.\tOne man.\t2.500\n");
  folder.write("QQP/train.tsv",
               "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
               "1\t2\t3\tWhy?\tHow?\t1\n4\t5\t6\tstray\ttab\tin it\t0\n7\t8\n");
  folder.write("AX/diagnostic.tsv", "index\tsentence1\tsentence2\n0\tThe cat.\tNo cat.\n");
  const auto read = [&](const std::string& task_name, const std::string& split) {
    const Task task = select_tasks(task_name, std::nullopt, {}).at(0);
    return read_examples(task, *find_file(task, split), folder.path());
  };
  EXPECT_EQ(read("cola", "train").examples.at(0).text_a, "The sailors rode \"it.");
  EXPECT_EQ(read("cola", "train").examples.at(0).targets, std::vector<float>{1});
  EXPECT_EQ(read("cola", "test").examples.at(0).text_a, "Bill whistled.");
  EXPECT_EQ(read("mrpc", "train").examples.at(0).text_b, "second .");
  EXPECT_EQ(read("sts", "dev").examples.at(0).targets, std::vector<float>{0.5F});
  EXPECT_EQ(read("sts", "dev").examples.at(0).text_a, "A man.");
  const ExampleSet qqp = read("qqp", "train");
  EXPECT_EQ(qqp.skipped, 2);
  ASSERT_EQ(qqp.examples.size(), 1U);
  EXPECT_EQ(qqp.examples[0].text_b, "How?");
  EXPECT_EQ(read("mnli", "test_ax").examples.at(0).text_b, "No cat.");
  const std::string missing = message_of([&] { read("mnli", "dev_matched"); });
  expect_contains(missing, "want the folder that holds MNLI/dev_matched.tsv");
}

/// The files of GLUE themselves: PALS_GLUE_DIR set but missing fails, unset skips.
TEST(Glue, ReadsTheRealFiles) {
  const char* folder = std::getenv("PALS_GLUE_DIR");
  if (folder == nullptr) GTEST_SKIP() << "PALS_GLUE_DIR is not set";
  ASSERT_TRUE(directory_exists(folder)) << folder;
  const std::map<std::string, size_t> rows = {
      {"CoLA/train.tsv", 8551},    {"CoLA/dev.tsv", 1043},  {"CoLA/test.tsv", 1063},
      {"MRPC/train.tsv", 3668},    {"MRPC/dev.tsv", 408},   {"MRPC/test.tsv", 1725},
      {"RTE/train.tsv", 2490},     {"RTE/dev.tsv", 277},    {"RTE/test.tsv", 3000},
      {"STS-B/train.tsv", 5749},   {"STS-B/dev.tsv", 1500}, {"STS-B/test.tsv", 1379},
      {"SST-2/train.tsv", 67349},  {"SST-2/dev.tsv", 872},  {"SST-2/test.tsv", 1821},
      {"QNLI/dev.tsv", 5463},      {"QNLI/test.tsv", 5463}, {"MNLI/dev_matched.tsv", 9815},
      {"AX/diagnostic.tsv", 1104}, {"WNLI/train.tsv", 635}, {"WNLI/dev.tsv", 71},
      {"WNLI/test.tsv", 146},
  };
  size_t counted = 0;
  for (const Task& task : glue_tasks()) {
    for (const DataFile& file : task.files) {
      // The test files of MNLI and QQP are not part of every copy.
      if (!file.label && !file_exists(data_path(file, folder))) continue;
      const ExampleSet set = read_examples(task, file, folder);
      if (rows.contains(file.path)) {
        EXPECT_EQ(set.examples.size(), rows.at(file.path)) << file.path;
        EXPECT_EQ(set.skipped, 0) << file.path;
        ++counted;
      }
      std::set<float> classes;
      for (const Example& example : set.examples) {
        ASSERT_FALSE(example.text_a.empty()) << file.path;
        if (file.label) classes.insert(example.targets.at(0));
        if (task.kind == TaskKind::kRegression && file.label) {
          ASSERT_TRUE(example.targets[0] >= 0.0F && example.targets[0] <= 1.0F) << file.path;
        }
      }
      if (task.kind == TaskKind::kClassification && file.label) {
        EXPECT_EQ(classes.size(), task.labels.size()) << file.path;
      }
    }
  }
  EXPECT_EQ(counted, rows.size());
}

TEST(TaskSelection, KnowsTheReferencesGroups) {
  EXPECT_EQ(task_names(select_tasks("all", std::nullopt, {})),
            (Names{"cola", "mrpc", "mnli", "rte", "sts", "sst", "qqp", "qnli"}));
  EXPECT_EQ(task_names(select_tasks("", std::nullopt, {})).size(), 8U);
  EXPECT_EQ(task_names(select_tasks("inf", std::nullopt, {})), (Names{"qnli", "mnli", "rte"}));
  EXPECT_EQ(task_names(select_tasks("single", std::nullopt, {})), (Names{"mrpc"}));
  EXPECT_EQ(task_names(select_tasks("single", 0, {})), (Names{"cola"}));
  EXPECT_EQ(task_names(select_tasks("single", 7, {})), (Names{"qnli"}));
  for (const int id : {-1, 8}) {
    expect_contains(message_of<UsageError>([&] { select_tasks("single", id, {}); }), "0 cola");
  }
}

TEST(TaskSelection, TakesLists) {
  EXPECT_EQ(task_names(select_tasks("rte, MRPC,wnli", std::nullopt, {})),
            (Names{"rte", "mrpc", "wnli"}));
  EXPECT_EQ(task_names(select_tasks("sst-2,STS-B", std::nullopt, {})), (Names{"sst", "sts"}));
  const std::string message =
      message_of<UsageError>([] { select_tasks("rte,mrcp", std::nullopt, {}); });
  expect_contains(message, "unknown task \"mrcp\"; did you mean \"mrpc\"?");
  expect_contains(message_of<UsageError>([] { select_tasks("rte,rte", std::nullopt, {}); }),
                  "\"rte\" is named twice");
  expect_contains(message_of<UsageError>([] { select_tasks("rte,", std::nullopt, {}); }),
                  "empty name");
  expect_contains(message_of<UsageError>([] { select_tasks("rte,all", std::nullopt, {}); }),
                  "\"all\" stands alone");
}

TEST(TaskSelection, MixesOwnTasksIn) {
  const std::vector<Task> own = {{.name = "reviews"}, {.name = "Topics"}};
  EXPECT_EQ(task_names(select_tasks("", std::nullopt, own)), (Names{"reviews", "Topics"}));
  EXPECT_EQ(task_names(select_tasks("Topics,rte", std::nullopt, own)), (Names{"Topics", "rte"}));
  EXPECT_EQ(task_names(select_tasks("all", std::nullopt, own)).size(), 10U);
  expect_contains(message_of<UsageError>([&] { select_tasks("review", std::nullopt, own); }),
                  "did you mean \"reviews\"?");
}

}  // namespace
}  // namespace pals
