#include <filesystem>
#include <iostream>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"
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

/// Files that a draft adds must not take the place of the user's.
void check_new_files(const DraftedTasks& drafted, const CommandLine& line) {
  for (const NewFile& file : drafted.files) {
    if (!file_exists(file.path) && !directory_exists(file.path)) continue;
    for (const std::string& given : line.files) {
      std::error_code error;
      if (!std::filesystem::equivalent(given, file.path, error)) continue;
      fail_usage("--dev_fraction would write ", file.path,
                 ", which is one of the data files; give --output in another folder");
    }
    if (line.flags.overwrite) continue;
    fail_usage("--dev_fraction: ", file.path,
               " is there already; give --output in another folder, or --overwrite");
  }
}

/// `pals check` names lines of the files that were split off, not those of the user's file.
std::string next_step(const DraftedTasks& drafted, const ProblemList& problems,
                      const CommandLine& line) {
  const std::string& output = line.flags.output;
  if (drafted.files.empty() || problems.errors() == 0) return concat("pals check ", output);
  return concat("for the lines of your own files, pals init ... --output ", output,
                " --overwrite without --dev_fraction, then pals check ", output,
                "; mend the data, then split");
}

int run_init(const CommandLine& line) {
  const std::string& output = line.flags.output;
  const bool to_stdout = output == "-";
  require_data_files(line.files);
  if (!to_stdout && !line.flags.overwrite && (file_exists(output) || directory_exists(output))) {
    fail_usage("--output: ", output, " is there already; give another name, or --overwrite");
  }
  const std::string folder = to_stdout ? "" : std::filesystem::path(output).parent_path().string();
  if (to_stdout && line.flags.dev_fraction > 0.0) {
    fail_usage("--dev_fraction writes files beside the task file; give --output a name, not -");
  }
  const DraftedTasks drafted =
      draft_tasks(line.files, folder, {line.flags.dev_fraction, line.flags.seed});
  check_new_files(drafted, line);
  for (const NewFile& file : drafted.files) write_file_atomically(file.path, file.bytes);
  if (to_stdout) {
    std::cout << json_text(drafted.document);
  } else {
    write_file_atomically(output, json_text(drafted.document));
  }
  for (const std::string& made : drafted.made) log_info(made);
  for (const std::string& doubt : drafted.doubts) log_info("unsure: ", doubt);
  if (to_stdout) return 0;
  const ProblemList problems = check_task_file(output, {});
  log_info(output, ": written; `pals check` finds ", counted(problems.errors(), "error"), ", ",
           counted(problems.warnings(), "warning"));
  log_info("next: ", next_step(drafted, problems, line));
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
      "  pals init reviews.csv --dev_fraction 0.1\n"
      "  pals init data.tsv --output -");
  return {app, [line](const std::stop_token& /*stop*/) { return run_init(*line); }, list};
}

}  // namespace pals
