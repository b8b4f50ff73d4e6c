#include "train/check_options.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

// Whether the folder holds anything that a run of other options would spoil.
bool has_progress(const std::string& folder) {
  const std::string checkpoints = folder + kCheckpointsName, log = folder + kMetricsName;
  return file_exists(folder + kResultsName) ||
         (file_exists(log) && std::filesystem::file_size(log) > 0) ||
         (directory_exists(checkpoints) && !list_directory(checkpoints).empty());
}

}  // namespace

void check_run_folder(const TrainOptions& options) {
  const std::string& folder = options.output_dir;
  const std::string config_path = folder + kRunConfigName;
  if (options.overwrite_output_dir || !file_exists(config_path) || !has_progress(folder)) return;
  const auto names = differing_options(read_json(config_path), options_to_json(options));
  if (names.empty()) return;
  fail_usage(folder, " holds a run with other values of ", join(names, ", "),
             "; give the same to go on with it, another --output_dir, or --overwrite_output_dir");
}

std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options) {
  const std::string& folder = options.output_dir;
  make_directories(folder);
  auto lock = std::make_unique<RunLock>(folder);
  if (options.overwrite_output_dir) {
    for (const char* name : {kCheckpointsName, "/best", "/best_tasks", "/final", kResultsName,
                             kMetricsName, kRunConfigName}) {
      std::error_code error;
      std::filesystem::remove_all(folder + name, error);
      if (error) fail(folder, name, ": cannot be removed: ", error.message());
    }
  }
  write_file_atomically(folder + kRunConfigName, json_text(options_to_json(options)));
  return lock;
}

}  // namespace pals
