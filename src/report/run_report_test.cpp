#include "report/run_report.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kinds/tagged_files.h"
#include "report/page.h"
#include "report/test_runs.h"

namespace pals {
namespace {

using testing_runs::classified;
using testing_runs::TestFolder;
using testing_runs::write_run;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string page_of(const std::string& folder) {
  write_run_report(folder);
  return read_file(folder + kReportName, 2 * kMostPageBytes);
}

// Without the hash of its content, so that the texts count.
void forget_hash(const std::string& folder) { write_file_atomically(folder + kIdentityName, "{}"); }

TEST(RunReport, ShowsARunOnOnePageWithoutOutsideResources) {
  const TestFolder folder;
  write_run(folder.path(), 40, 10, "pals", 1);
  forget_hash(folder.path());
  const std::string page = page_of(folder.path());
  for (const char* part :
       {"finished", "Confusion matrix", "Calibration", "By label", "The worst errors",
        "Loss of nli", "Learning rate", "Throughput", "Where the time went", "Parameters",
        "--task_file &#39;it&#39;\\&#39;&#39;s mine.json&#39;", "always no", "<svg", "0.800"}) {
    EXPECT_TRUE(has(page, part)) << part;
  }
  EXPECT_TRUE(has(page, "&lt;script&gt;alert("));
  for (const char* part : {"<script", "http:", "https:", "src=", "@import", "url("}) {
    EXPECT_FALSE(has(page, part)) << part;
  }
  EXPECT_LT(page.size(), 100'000U);
}

TEST(RunReport, ExplainsTheOrderOfTheWorstErrors) {
  const TestFolder folder;
  write_run(folder.path(), 40, 10, "pals", 1);
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(has(page, "10 of 10 wrong rows, ordered by the probability of what was given"));
  EXPECT_TRUE(has(page, "</b> (10.0 %), predicted <b>"));
}

TEST(RunReport, ShowsWordsWithBothTags) {
  const TestFolder folder;
  write_file_atomically(folder.path() + "/dev.conll",
                        "Anna B-PER\nof O\n<Rome> B-LOC\nsleeps O\n. O\n\nYes O\n");
  RunData run{.folder = folder.path(), .name = "run"};
  run.tasks.push_back({.name = "ner",
                       .kind = TaskKind::kTagging,
                       .labels = {"O", "B-PER", "B-LOC"},
                       .metrics = {Metric::kF1},
                       .settings = TaggingSettings(),
                       .files = {{.split = "dev",
                                  .path = folder.path() + "/dev.conll",
                                  .format = FileFormat::kConll,
                                  .text_a = {0, ""},
                                  .label = Column{-1, ""}}}});
  run.predictions.push_back(
      {.head = {.task = "ner", .kind = "tagging", .labels = {"O", "B-PER", "B-LOC"}},
       .rows = {{.split = "dev",
                 .row = 0,
                 .gold = {"B-PER", "O", "B-LOC", "O", "O"},
                 .prediction = {"B-PER", "O", "O", "O", "O"}}}});
  const std::string page = run_page(run);
  for (const char* part :
       {"1 wrong word of 5", "ordered by the number of wrong words",
        "<span class=\"w\"><b>Anna</b> <span>B-PER</span> <span>B-PER</span></span>",
        "<span class=\"w bad\"><b>&lt;Rome&gt;</b> <span>B-LOC</span> <span>O</span></span>"}) {
    EXPECT_TRUE(has(page, part)) << part;
  }
  // Where the words are not known, the tags alone.
  run.tasks.clear();
  EXPECT_TRUE(has(run_page(run), "given <b>B-PER O B-LOC O O</b>"));
}

TEST(RunReport, TextsOfAFileThatHasChangedAreNotShown) {
  const TestFolder folder;
  write_run(folder.path(), 40, 10, "pals", 1);  // its hash is none of a file
  const std::string page = page_of(folder.path());
  EXPECT_FALSE(has(page, "alert("));
  EXPECT_TRUE(has(page, "has changed since the run began"));
}

TEST(RunReport, SaysWhatARunLacks) {
  const TestFolder folder;
  write_run(folder.path(), 40, 10, "pals", 1);
  namespace fs = std::filesystem;
  fs::remove(folder.path() + kResultsName);
  EXPECT_TRUE(has(page_of(folder.path()), "not finished: step 20 of 20"));
  // As version 2 wrote it.
  std::string old = "{\"version\":2}\n";
  for (int step = 0; step < 3; ++step) {
    old += to_json(StepRecord{step, "nli", 0.5, 1e-5, 8, 100}).dump() + "\n";
  }
  write_file_atomically(folder.path() + kMetricsName, old + "nonsense\n");
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(has(page, "metrics.jsonl is of version 2"));
  EXPECT_TRUE(has(page, "1 damaged lines"));
  EXPECT_TRUE(has(page, "Loss of nli"));
  fs::remove(folder.path() + kMetricsName);
  fs::remove_all(folder.path() + "/best");
  EXPECT_TRUE(has(page_of(folder.path()), "There is no metrics.jsonl"));
  fs::remove_all(folder.path() + kDevPredictionsName);
  write_file_atomically(folder.path() + kRunConfigName, "[");
  EXPECT_TRUE(has(page_of(folder.path()), "There are no dev_predictions"));
  const TestFolder empty;
  EXPECT_THROW(write_run_report(empty.path()), UsageError);
}

TEST(RunReport, StaysSmallWhateverARunHas) {
  RunData run{.folder = "many", .name = "many"};
  for (int i = 0; i < 400; ++i) {
    TaskPredictions task = classified(concat("task", i), 60, 60);
    for (int label = 2; label < 60; ++label) {
      task.head.labels.push_back(std::string(500, 'x') + std::to_string(label));
    }
    run.history.tasks[task.head.task].losses.add(0, 1);
    run.predictions.push_back(std::move(task));
  }
  const std::string page = run_page(run);
  EXPECT_LT(page.size(), kMostPageBytes);
  EXPECT_TRUE(has(page, "Of 400 tasks "));
}

TEST(History, OfMadeUpBytesIsBounded) {
  std::string bytes = "\n\n{}\n[]\n{\"step\":1}\n{\"version\":9}\n";
  bytes +=
      "{\"from_step\":0}\n{\"epoch_begins\":1,\"at_step\":0,\"probabilities\":{\"a\":\"b\"}}\n";
  for (int i = 0; i < 2000; ++i) {
    bytes += to_json(StepRecord{i, concat("t", i), 1.0, 0.0, 1, 1}).dump() + "\n";
  }
  const RunHistory history = parse_history(bytes);
  EXPECT_EQ(history.version, 9);
  EXPECT_EQ(history.tasks.size(), 1000U);
  EXPECT_EQ(history.steps, 2000);
  EXPECT_EQ(history.damaged, 7);
}

}  // namespace
}  // namespace pals
