#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
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

int run_report(const ReportOptions& options) {
  if (options.runs.empty()) fail_usage("pals report takes one or more folders of runs");
  std::vector<RunData> runs;
  for (const std::string& folder : options.runs) runs.push_back(read_run(without_slash(folder)));
  const bool single = runs.size() == 1;
  const Comparison comparison = compare_runs(runs);
  const std::string path = !options.output.empty() ? options.output
                           : single                ? runs.front().folder + kReportName
                                                   : "comparison.html";
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
  app->add_option("runs", options->runs, "folders of runs (the --output_dir of `pals train`)")
      ->expected(0, 1 << 10)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals report runs/three\n"
      "  pals report runs/pals-1 runs/pals-2 runs/low_rank-1 --output comparison.html");
  return {app, [options](const std::stop_token& /*stop*/) { return run_report(*options); }, list};
}

}  // namespace pals
