#include "cli/asked_runs.h"

#include <algorithm>
#include <vector>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/file.h"
#include "base/host.h"
#include "base/log.h"
#include "base/text_util.h"
#include "cli/option_flags.h"
#include "dist/launch.h"
#include "runlog/file_names.h"
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
  if (!file_exists(path) || !holds_runs(folder)) return;
  const std::vector<std::string> names = differing_options(read_json(path), asked);
  if (names.empty()) return;
  fail_usage(folder, " holds runs with other values of ", join(names, ", "),
             "; give the same to go on with them, or another --output_dir");
}

void note_asked(const std::string& folder, const char* name, const Json& asked) {
  make_directories(folder);
  write_file_atomically(folder + name, json_text(asked));
}

void refuse_launchers(const char* command) {
  if (read_launch().size == 1) return;
  fail_usage("pals ", command, " trains in one process; start it without mpirun, srun or torchrun");
}

bool is_finished_run(const std::string& folder) { return file_exists(folder + kResultsName); }

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
