#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "check/check.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "draft/draft.h"
#include "settings/data_options.h"

namespace pals {
namespace {

struct CommandLine {
  InitFlags flags;
  std::vector<std::string> files;
};

int run_init(const CommandLine& line) {
  const std::string& output = line.flags.output;
  const bool to_stdout = output == "-";
  if (!to_stdout && !line.flags.overwrite && (file_exists(output) || directory_exists(output))) {
    fail_usage("--output: ", output, " is there already; give another name, or --overwrite");
  }
  const std::string folder = to_stdout ? "" : std::filesystem::path(output).parent_path().string();
  const DraftedTasks drafted = draft_tasks(line.files, folder);
  if (to_stdout) {
    std::cout << json_text(drafted.document);
  } else {
    write_file_atomically(output, json_text(drafted.document));
  }
  for (const std::string& made : drafted.made) log_info(made);
  for (const std::string& doubt : drafted.doubts) log_info("unsure: ", doubt);
  if (to_stdout) return 0;
  const ProblemList problems = check_task_file(output, {});
  log_info(output, ": written; `pals check` finds ", problems.errors(),
           problems.errors() == 1 ? " error, " : " errors, ", problems.warnings(),
           problems.warnings() == 1 ? " warning" : " warnings");
  return 0;
}

}  // namespace

Command add_init_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  CLI::App* app = program.add_subcommand("init", "writes a task file for data files");
  app->add_option("files", line->files,
                  "data files of one or many tasks: TSV, CSV, JSONL, CoNLL, SQuAD's JSON")
      ->expected(0, 1000)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(line->flags);
  add_options(*app, list);
  app->footer(
      "Names such as reviews-train.csv and reviews-dev.csv, or train.csv and dev.csv, say which "
      "files are one task. What is not sure is said on standard error.\n\nExamples:\n"
      "  pals init train.csv dev.csv\n"
      "  pals init reviews-*.csv topics-*.jsonl --output tasks.json\n"
      "  pals init data.tsv --output -");
  return {app, [line](const std::stop_token& /*stop*/) { return run_init(*line); }, list};
}

}  // namespace pals
