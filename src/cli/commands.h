// The subcommands. Each adds itself to the program and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "options/option.h"

namespace pals {

/// A registered subcommand: `run` returns the exit code, and throws Error soon after a stop is
/// requested.
struct Command {
  CLI::App* app = nullptr;
  std::function<int(const std::stop_token& stop)> run;
  OptionList options;
};

Command add_train_command(CLI::App& program);
Command add_add_task_command(CLI::App& program);
Command add_remove_task_command(CLI::App& program);
Command add_merge_tasks_command(CLI::App& program);
Command add_eval_command(CLI::App& program);
Command add_predict_command(CLI::App& program);
Command add_convert_command(CLI::App& program);
Command add_features_command(CLI::App& program);
Command add_submit_command(CLI::App& program);
Command add_bench_command(CLI::App& program);
Command add_info_command(CLI::App& program);
Command add_serve_command(CLI::App& program);
Command add_check_command(CLI::App& program);
Command add_init_command(CLI::App& program);
Command add_plan_command(CLI::App& program);
Command add_report_command(CLI::App& program);
Command add_compare_command(CLI::App& program);
Command add_transfer_command(CLI::App& program);
Command add_export_command(CLI::App& program);

/// Rewrites arguments before parsing: `--train-batch-size` to `--train_batch_size`, and
/// `--config FILE` (a JSON object of options) to the options it holds, placed before the others so
/// that flags override it.
std::vector<std::string> expand_arguments(const std::vector<std::string>& arguments);

/// Runs the program. Errors become one line on stderr; returns the exit code.
int run_program(int argc, char** argv);

}  // namespace pals
