// The files that GLUE's server takes: one for each test set, zipped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "predict/predictor.h"

namespace pals {

/// One file of a submission.
struct SubmissionFile {
  std::string name;      ///< in the archive: "MNLI-m.tsv"
  std::string task;      ///< of the model: "mnli"
  std::string split;     ///< of the task's files: "test_matched"
  int64_t rows = 0;      ///< of GLUE's test set
  std::string majority;  ///< the likeliest label or the mean value of the training set
};

/// All files, in the order of the leaderboard's columns.
const std::vector<SubmissionFile>& submission_files();

/// What became of one file.
struct SubmissionEntry {
  const SubmissionFile* file = nullptr;
  std::string text;  ///< "index<tab>prediction" and a row for each of the test set's
  int64_t rows = 0;
  bool predicted = false;
  std::string missing;  ///< why the model did not make it; empty if it did
};

/// Predicts all test sets below `data_dir` that the model has tasks for, each value of STS-B within
/// 0 to 5. A task whose kind or labels are not GLUE's counts as none. With `fill_missing` the
/// others hold the majority in every row, as many as the test file has, or GLUE's if it is not
/// there. Throws Error for malformed files and once options.stop is requested.
std::vector<SubmissionEntry> make_submission(const PredictingModel& model,
                                             const std::string& data_dir,
                                             const PredictorOptions& options, bool fill_missing);

/// Writes the entries that have a text. Throws Error when the system refuses.
void write_submission(const std::string& path, const std::vector<SubmissionEntry>& entries);

}  // namespace pals
