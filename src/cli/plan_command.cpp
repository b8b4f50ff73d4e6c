#include <iostream>

#include "adapters/registry.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "measure/run_plan.h"

namespace pals {
namespace {

int run_plan(TrainOptions options, const std::stop_token& stop) {
  const std::string output_dir = options.output_dir;
  if (output_dir.empty()) options.output_dir = ".";  // a run needs one, its plan does not
  check_options(options);
  options.output_dir = output_dir;
  const RunForecast forecast = plan_run(options, stop);
  if (options.json) {
    std::cout << json_text(forecast_json(forecast));
    return 0;
  }
  for (const std::string& line : forecast_lines(forecast)) std::cout << line << "\n";
  return 0;
}

}  // namespace

Command add_plan_command(CLI::App& program) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* app =
      program.add_subcommand("plan", "what a training run would take here: size, steps, time");
  OptionList list = plan_options_of(*options);
  list.suggest("adapter", adapter_names());
  add_options(*app, list);
  app->footer(
      "Takes the flags of `pals train`, needs no --output_dir and writes nothing.\n\nExamples:\n"
      "  pals plan --task_file mine.json --init_checkpoint minilm --adapter pals\n"
      "  pals plan --tasks rte,mrpc --data_dir glue --init_checkpoint minilm --json");
  return {app, [options](const std::stop_token& stop) { return run_plan(*options, stop); }, list};
}

}  // namespace pals
