#include "train/check_options.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "data/sampler.h"
#include "dist/gradient_reducer.h"
#include "train/schedule.h"

namespace pals {
namespace {

constexpr double kLargest = 1e9;  // of numbers given, so that their products stay countable
constexpr int kMostThreads = 1024;

// Whether the folder holds anything that a run of other options would spoil.
bool has_progress(const std::string& folder) {
  const std::string checkpoints = folder + kCheckpointsName, log = folder + kMetricsName;
  return file_exists(folder + kResultsName) ||
         (file_exists(log) && std::filesystem::file_size(log) > 0) ||
         (directory_exists(checkpoints) && !list_directory(checkpoints).empty());
}

}  // namespace

void check_options(const TrainOptions& o) {
  const auto positive = [](const char* flag, double value) {
    if (!(value > 0.0)) fail_usage(flag, " is ", value, ", expected a number above 0");
    if (value > kLargest) fail_usage(flag, " is ", value, ", expected at most ", kLargest);
  };
  const auto not_negative = [&](const char* flag, int64_t value) {
    if (value != 0) positive(flag, static_cast<double>(value));
  };
  if (o.output_dir.empty()) fail_usage("--output_dir is missing");
  positive("--train_batch_size", static_cast<double>(o.train_batch_size));
  positive("--eval_batch_size", static_cast<double>(o.eval_batch_size));
  positive("--gradient_accumulation_steps", static_cast<double>(o.gradient_accumulation_steps));
  positive("--num_train_epochs", o.num_train_epochs);
  positive("--learning_rate", o.learning_rate);
  not_negative("--max_steps", o.max_steps);
  not_negative("--steps_per_epoch", o.steps_per_epoch);
  not_negative("--adapter_size", o.adapter_size);
  not_negative("--h_aug", o.h_aug);
  positive("--save_checkpoints_steps", static_cast<double>(o.save_checkpoints_steps));
  positive("--keep_checkpoints", static_cast<double>(o.keep_checkpoints));
  if (o.threads < 0 || o.threads > kMostThreads) {
    fail_usage("--threads is ", o.threads, ", expected 0 to ", kMostThreads);
  }
  if (o.train_batch_size % o.gradient_accumulation_steps != 0) {
    fail_usage("--train_batch_size ", o.train_batch_size,
               " is not a multiple of --gradient_accumulation_steps ",
               o.gradient_accumulation_steps);
  }
  parse_sampling(o.sample);
  parse_schedule(o.schedule);
  parse_reduction_type(o.gradient_type);
  if (o.optim != "normal" && o.optim != "split") {
    fail_usage("--optim: \"", o.optim, "\" is unknown, expected normal or split");
  }
  if (!(o.warmup_proportion >= 0.0 && o.warmup_proportion <= 1.0)) {
    fail_usage("--warmup_proportion is ", o.warmup_proportion, ", expected 0 to 1");
  }
  if (!(o.dropout < 1.0)) fail_usage("--dropout is ", o.dropout, ", expected a number below 1");
}

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
