// Run folders for tests.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "catalog/task_json.h"
#include "runlog/file_names.h"
#include "runlog/metrics.h"
#include "runlog/predictions.h"
#include "settings/train_options.h"

namespace pals::testing_runs {

/// A folder that is gone when this is.
class TestFolder {
 public:
  TestFolder()
      : path_((std::filesystem::temp_directory_path() /
               concat("pals_report_", ::getpid(), "_", ++count))
                  .string()) {
    std::filesystem::remove_all(path_);
    make_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  static inline int count = 0;
  std::string path_;
};

/// Predictions of a classification: `right` rows are, then `wrong` ones.
inline TaskPredictions classified(const std::string& task, int right, int wrong) {
  TaskPredictions predictions{
      .head = {.task = task, .kind = "classification", .labels = {"no", "yes"}, .step = 20},
      .rows = {}};
  for (int i = 0; i < right + wrong; ++i) {
    const bool yes = i % 3 == 0, said = i < right ? yes : !yes;
    predictions.rows.push_back(
        {.split = "dev",
         .row = i,
         .gold = yes ? "yes" : "no",
         .prediction = said ? "yes" : "no",
         .probabilities = said ? std::vector<double>{0.2, 0.8} : std::vector<double>{0.9, 0.1}});
  }
  return predictions;
}

/// A finished run of one task "nli", whose dev file has a row for each prediction.
inline void write_run(const std::string& folder, int right, int wrong, const std::string& adapter,
                      uint64_t seed) {
  make_directories(folder + "/best");
  make_directories(folder + kDevPredictionsName);
  TrainOptions options;
  options.adapter = adapter;
  options.seed = seed;
  options.tasks = "nli";
  options.output_dir = folder;
  write_file_atomically(folder + kRunConfigName, json_text(options_to_json(options)));
  write_file_atomically(
      folder + kIdentityName,
      json_text(Json{{"data", {{"content of nli's dev file", "d"}}}, {"vocabulary", "v"}}));
  std::string rows = "text_a\tlabel\n";
  for (int i = 0; i < right + wrong; ++i) {
    rows += concat("<script>alert(", i, ")</script> & more\t", i % 3 == 0 ? "yes\n" : "no\n");
  }
  write_file_atomically(folder + "/dev.tsv", rows);
  write_file_atomically(folder + "/best/tasks.json",
                        json_text(Json{{"tasks",
                                        {{{"name", "nli"},
                                          {"kind", "classification"},
                                          {"labels", {"no", "yes"}},
                                          {"metrics", {"accuracy", "matthews"}},
                                          {"dev",
                                           {{"path", folder + "/dev.tsv"},
                                            {"header", true},
                                            {"text_a", "text_a"},
                                            {"label", "label"}}}}}}}));
  write_predictions(folder + kDevPredictionsName + "/nli.jsonl", classified("nli", right, wrong));
  const double accuracy = static_cast<double>(right) / (right + wrong);
  MetricsWriter log(folder + kMetricsName, 0);
  log.write(StartRecord{.from_step = 0,
                        .time = 1700000000,
                        .program = "0.1.0",
                        .command = {"pals", "train", "--task_file", "it's mine.json"},
                        .device = "cpu",
                        .precision = "fp32",
                        .total_steps = 20,
                        .steps_per_epoch = 10,
                        .examples = {{"nli", 100}},
                        .shared = {{"embeddings", 1000}, {"layers", 5000}},
                        .own = {{"nli", {{"adapter", 50}, {"head", 6}}}}});
  for (int step = 0; step < 20; ++step) {
    if (step % 10 == 0) log.write(EpochRecord{step / 10 + 1, step, {{"nli", 1.0}}});
    log.write(StepRecord{step, "nli", 1.0 / (step + 1), 1e-5 * step, 8, 200});
    if (step % 10 != 9) continue;
    log.write(EvaluationRecord{
        step + 1, step / 10 + 1, {accuracy, {{"nli", {{"accuracy", accuracy}, {"loss", 0.5}}}}}});
    log.write(TimeRecord{step + 1,
                         0,
                         1.0 * (step + 1),
                         {{"steps", 0.9 * (step + 1)}, {"evaluation", 0.1 * (step + 1)}},
                         int64_t{1} << 28});
  }
  ResultsRecord results;
  const ScoresRecord scores{accuracy, {{"nli", {{"accuracy", accuracy}, {"loss", 0.5}}}}};
  results.evaluated = {.best = scores, .step = 20, .last = scores};
  write_file_atomically(folder + kResultsName, json_text(to_json(results)));
}

}  // namespace pals::testing_runs
