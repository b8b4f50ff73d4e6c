#include "cli/asked_runs.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>
#include <vector>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/file.h"
#include "base/host.h"
#include "base/log.h"
#include "cli/option_flags.h"
#include "dist/launch.h"
#include "runlog/file_names.h"
#include "runlog/finished_run.h"
#include "train/check_options.h"
#include "train/own_folder.h"
#include "train/trainer.h"

namespace pals {
namespace {

bool holds_runs(const std::string& folder) {
  return directory_exists(folder) &&
         std::ranges::any_of(list_directory(folder), [&](const std::string& name) {
           return file_exists(concat(folder, "/", name, kMetricsName));
         });
}

}  // namespace

void check_asked(const std::string& folder, const char* name, const Json& asked) {
  const std::string path = folder + name;
  const bool asked_before = file_exists(path), has_runs = holds_runs(folder);
  refuse_foreign_folder(folder, asked_before || has_runs, name);
  if (!asked_before || !has_runs) return;
  const Json recorded = read_json(path);
  const std::vector<std::string> names = differing_options(recorded, asked);
  if (names.empty()) return;
  fail_usage(folder, " holds runs with other values of ", named_values(names, recorded, asked),
             "; give the same to go on with them, or another --output_dir");
}

AskedNote::AskedNote(std::string folder, const char* name, const Json& asked)
    : folder_(std::move(folder)), name_(name), made_folder_(!directory_exists(folder_)) {
  make_directories(folder_);
  write_file_atomically(folder_ + name_, json_text(asked));
}

AskedNote::~AskedNote() {
  try {
    if (holds_runs(folder_)) return;
    std::filesystem::remove(folder_ + name_);
    if (made_folder_ && std::filesystem::is_empty(folder_)) std::filesystem::remove(folder_);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): nothing is lost
  }
}

void refuse_launchers(const char* command) {
  if (read_launch().size == 1) return;
  fail_usage("pals ", command, " trains in one process; start it without mpirun, srun or torchrun");
}

RunData finish_run(const TrainOptions& options, const std::string& what,
                   const std::stop_token& stop) {
  const bool finished = is_finished_run(options.output_dir);
  log_info(what, finished ? ": finished before" : "");
  if (!finished) train(options, stop, {.command = command_line()});
  return read_run(options.output_dir);
}

void add_options_of_runs(CLI::App& app, OptionList list) {
  list.suggest("adapter", adapter_names());
  add_options(app, list);
}

}  // namespace pals
