#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/output_path.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "report/comparison.h"
#include "report/run_report.h"
#include "runlog/file_names.h"
#include "settings/report_options.h"

namespace pals {
namespace {

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder;
}

/// The folders of runs that were given, with those in a folder of several runs, each once. Files,
/// which a pattern such as runs/adapters/* names too, are left out.
std::vector<std::string> folders_of_runs(const std::vector<std::string>& given) {
  std::vector<std::string> folders;
  std::set<std::string> known;
  const auto add = [&](const std::string& folder) {
    std::error_code error;
    const std::string whole = std::filesystem::weakly_canonical(folder, error).string();
    if (known.insert(error ? folder : whole).second) {
      folders.push_back(folder);
    } else {
      log_info(folder, ": given twice, and taken once");
    }
  };
  for (const std::string& path : given) {
    const std::string folder = without_slash(path);
    const std::vector<std::string> below =
        holds_run(folder) ? std::vector<std::string>() : runs_below(folder);
    if (!below.empty()) {
      for (const std::string& run : below) add(run);
    } else if (file_exists(folder)) {
      log_info(path, ": left out, it is no folder");
    } else {
      add(folder);
    }
  }
  return folders;
}

std::string page_path(const ReportOptions& options, const std::vector<std::string>& folders) {
  if (!options.output.empty()) return options.output;
  constexpr const char* kComparison = "comparison.html";
  const std::string first = without_slash(options.runs.front());
  const bool is_folder_of_runs = options.runs.size() == 1 && folders.front() != first;
  if (is_folder_of_runs) return concat(first, "/", kComparison);
  return folders.size() == 1 ? folders.front() + kReportName : kComparison;
}

int run_report(const ReportOptions& options) {
  const std::vector<std::string> folders = folders_of_runs(options.runs);
  if (folders.empty()) fail_usage("pals report takes one or more folders of runs");
  for (const std::string& folder : folders) {
    if (!directory_exists(folder)) fail(folder, ": no such run folder");
  }
  const std::string path = page_path(options, folders);
  require_writable_output(path);
  std::vector<RunData> runs;
  for (const std::string& folder : folders) runs.push_back(read_run(folder));
  const bool single = runs.size() == 1;
  const Comparison comparison = compare_runs(runs);
  write_file_atomically(path, single ? run_page(runs.front()) : comparison_page(runs, comparison));
  log_info("the page is ", path);
  if (options.json) {
    std::cout << json_text(comparison_json(comparison));
  } else if (!single) {
    std::cout << comparison_table(comparison);
  }
  return 0;
}

}  // namespace

Command add_report_command(CLI::App& program) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* app = program.add_subcommand("report", "show a run, or compare several, on a page");
  app->add_option("runs", options->runs,
                  "folders of runs (the --output_dir of `pals train`), or of `pals compare`")
      ->expected(0, 1 << 10)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals report runs/three\n"
      "  pals report runs/adapters    # of `pals compare`: all runs in it\n"
      "  pals report runs/pals-1 runs/pals-2 runs/low_rank-1 --output comparison.html");
  return {app, [options](const std::stop_token& /*stop*/) { return run_report(*options); }, list};
}

}  // namespace pals
