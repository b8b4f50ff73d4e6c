#include <algorithm>
#include <iostream>
#include <memory>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
#include "cli/asked_runs.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "report/comparison.h"
#include "settings/compare_options.h"
#include "train/choose_adapters.h"

namespace pals {
namespace {

constexpr const char* kAskedName = "/compare.json";
constexpr const char* kScoresName = "/scores.json";
constexpr const char* kPageName = "/comparison.html";

/// One of the runs.
struct PlannedRun {
  std::string name;
  TrainOptions options;
};

std::vector<PlannedRun> plan_runs(const CompareOptions& options) {
  std::vector<PlannedRun> runs;
  const std::vector<std::string> known = adapter_names();
  for (const std::string& adapter : adapters_of(options)) {
    if (!adapter.empty() && std::ranges::find(known, adapter) == known.end()) {
      fail_usage("--adapters: unknown adapter ", quote(adapter), did_you_mean(adapter, known),
                 " (adapters: ", join(known, ", "), ")");
    }
    for (const uint64_t seed : seeds_of(options)) {
      const std::string name = concat(adapter.empty() ? "as_given" : adapter, "-", seed);
      TrainOptions own = options.train;
      own.adapter = adapter;
      own.seed = seed;
      own.nproc = 1;
      own.output_dir = concat(options.output_dir, "/", name);
      check_options(own);
      if (!adapter.empty()) with_settings({.kind = adapter}, own);  // before another one trains
      runs.push_back({name, std::move(own)});
    }
  }
  return runs;
}

/// Of the runs so far, written where they lie.
Comparison compare_so_far(const CompareOptions& options, const std::vector<RunData>& runs) {
  Comparison comparison = compare_runs(runs);
  write_file_atomically(options.output_dir + kScoresName, json_text(comparison_json(comparison)));
  write_file_atomically(options.output_dir + kPageName, comparison_page(runs, comparison));
  return comparison;
}

int run_compare(const CompareOptions& options, const std::stop_token& stop) {
  refuse_launchers("compare");
  const std::vector<PlannedRun> planned = plan_runs(options);
  check_asked(options.output_dir, kAskedName, common_options(options));
  const AskedNote note(options.output_dir, kAskedName, common_options(options));
  std::vector<RunData> runs;
  Comparison comparison;
  for (const PlannedRun& run : planned) {
    runs.push_back(
        finish_run(run.options,
                   concat("run ", runs.size() + 1, " of ", planned.size(), ", ", run.name), stop));
    comparison = compare_so_far(options, runs);
  }
  log_info("the page is ", options.output_dir, kPageName);
  std::cout << (options.json ? json_text(comparison_json(comparison))
                             : comparison_table(comparison));
  return 0;
}

}  // namespace

Command add_compare_command(CLI::App& program) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* app = program.add_subcommand(
      "compare", "train with several adapters and seeds, and compare the runs on a page");
  OptionList list = options_of(*options);
  add_options(*app, list);
  add_options_of_runs(*app, train_options_of(*options));
  app->footer(
      "All other options are those of `pals train`, for every run.\n\n"
      "Example:\n"
      "  pals compare --adapters pals,low_rank --seeds 1,2,3 --tasks rte,mrpc --data_dir glue \\\n"
      "      --init_checkpoint minilm --output_dir runs/adapters");
  return {app, [options](const std::stop_token& stop) { return run_compare(*options, stop); },
          list};
}

}  // namespace pals
