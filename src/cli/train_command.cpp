#include <iostream>
#include <optional>

#include "adapters/registry.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "cli/run_training.h"
#include "dist/launch.h"
#include "dist/local_start.h"
#include "train/placement.h"
#include "train/trainer.h"

namespace pals {
namespace {

// Runs as many processes where the options or the GPUs of this machine ask for it: their exit
// status.
std::optional<int> run_processes(const TrainOptions& options) {
  const int processes = processes_to_start(options, read_launch());
  if (processes == 1) return std::nullopt;
  if (options.nproc) return run_under_mpirun(processes);
  if (!can_start_processes()) {
    log_info(processes, " GPUs, of which this run takes one: to take all, start it by `torchrun ",
             "--no-python --nproc-per-node ", processes, "`, or install MPI (pals info shows it)");
    return std::nullopt;
  }
  log_info("training on all ", processes,
           " GPUs, a process on each (--nproc 1 or --device cuda:0: on one)");
  return run_under_mpirun(processes);
}

}  // namespace

int run_training(const TrainOptions& options, const std::stop_token& stop) {
  check_options(options);
  if (const std::optional<int> status = run_processes(options)) return *status;
  const TrainResult result = train(options, stop, {.command = command_line()});
  if (!result.scores) return 0;  // rank 0 reports
  if (options.json) {
    std::cout << json_text(to_json(*result.scores));
  } else if (!result.table.empty()) {
    std::cout << "best model by average, after step " << result.scores->evaluated->step << ":\n"
              << result.table;
  }
  return 0;
}

Command add_train_command(CLI::App& program) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* app = program.add_subcommand("train", "train one model on one or many tasks");
  OptionList list = options_of(*options);
  list.suggest("adapter", adapter_names());
  add_options(*app, list);
  app->footer(
      "Every option can stand in a JSON file: --config FILE; flags override it.\n\n"
      "Examples:\n"
      "  pals train --tasks rte,mrpc,sts --data_dir glue --init_checkpoint minilm \\\n"
      "      --adapter pals --sample anneal --output_dir runs/three\n"
      "  pals train --task_file mine.json --init_checkpoint minilm --adapter low_rank \\\n"
      "      --output_dir runs/mine\n"
      "  pals train --kind span --train_file train-v1.1.json --dev_file dev-v1.1.json \\\n"
      "      --max_seq_length 384 --init_checkpoint minilm --output_dir runs/squad\n"
      "  pals train --config runs/three/run_config.json --seed 7 --output_dir runs/again");
  return {app, [options](const std::stop_token& stop) { return run_training(*options, stop); },
          list};
}

}  // namespace pals
