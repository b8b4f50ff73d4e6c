#include <algorithm>
#include <iostream>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "cli/run_training.h"
#include "hub/fetch.h"
#include "model/folder_parts.h"
#include "settings/folder_options.h"
#include "train/add_task.h"

// Which tasks a trained model has: one more, fewer, those of several models.
namespace pals {
namespace {

int run_remove_task(const RemoveTaskOptions& options) {
  refuse_output_in(options.model, options.output, "--output:");
  check_folder_output(options.output, options.overwrite, "--output");
  remove_tasks(options.model, options.tasks, options.output);
  std::cout << "written: " << options.output << "\n";
  return 0;
}

int run_merge_tasks(MergeTasksOptions options) {
  for (std::string& folder : options.folders) {
    folder = local_model(folder);
    refuse_output_in(folder, options.output, "--output:");
  }
  check_folder_output(options.output, options.overwrite, "--output");
  merge_folders(options.folders, options.output);
  std::cout << "written: " << options.output << "\n";
  return 0;
}

}  // namespace

Command add_add_task_command(CLI::App& program) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* app =
      program.add_subcommand("add-task", "train a further task on a model that stays as it is");
  OptionList list = added_task_options(*options);
  list.suggest("adapter", adapter_names());
  add_options(*app, list);
  app->footer(
      "Everything shared and all tasks of the model stay as they are; the folders that are written "
      "have old and new tasks.\n\n"
      "Examples:\n"
      "  pals add-task --model runs/three/best --task_file mine.json --tasks reviews \\\n"
      "      --adapter lora --output_dir runs/four");
  return {app,
          [options](const std::stop_token& stop) {
            return run_training(options_to_add_task(*options), stop);
          },
          list};
}

Command add_remove_task_command(CLI::App& program) {
  auto options = std::make_shared<RemoveTaskOptions>();
  CLI::App* app = program.add_subcommand("remove-task", "write a model folder without some tasks");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals remove-task --model runs/three/best --tasks rte --output runs/two");
  return {app, [options](const std::stop_token& /*stop*/) { return run_remove_task(*options); },
          list};
}

Command add_merge_tasks_command(CLI::App& program) {
  auto options = std::make_shared<MergeTasksOptions>();
  CLI::App* app = program.add_subcommand(
      "merge-tasks", "put tasks that were trained apart on the same weights into one model folder");
  app->add_option("folders", options->folders, "model folders; the first one's tasks come first")
      ->expected(0, 1024)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals merge-tasks runs/reviews/best runs/names/best --output runs/both");
  return {app, [options](const std::stop_token& /*stop*/) { return run_merge_tasks(*options); },
          list};
}

}  // namespace pals
