#include <iostream>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "check/check.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "hub/cache.h"
#include "model/open.h"
#include "settings/data_options.h"
#include "train/choose_adapters.h"

namespace pals {
namespace {

struct CommandLine {
  CheckFlags flags;
  std::vector<std::string> files;
};

/// What to type once the data are looked through.
std::string next_command(const CommandLine& line, const ProblemList& problems) {
  const std::string& path = line.files.front();
  if (problems.errors() > 0) {
    return concat("next: correct the ", problems.errors() == 1 ? "error" : "errors",
                  ", then pals check ", path);
  }
  const std::string model = name_of_snapshot(line.flags.init_checkpoint);
  return concat("next: pals plan --task_file ", path, " --init_checkpoint ",
                model.empty() ? "MODEL" : model);
}

int run_check(const CommandLine& line) {
  const CheckFlags& flags = line.flags;
  if (line.files.size() != 1) {
    fail_usage("pals check takes one task file (docs/check.md); found ", line.files.size());
  }
  OpenedModel opened;  // BERT-base's sizes if no model is named
  std::optional<Tokenizer> tokenizer;
  const ModelSource source{.path = flags.init_checkpoint,
                           .vocab_file = flags.vocab_file,
                           .do_lower_case = flags.do_lower_case,
                           .special_tokens_in_text = flags.special_tokens_in_text,
                           .flag = "--init_checkpoint",
                           .needs_weights = false};
  if (!flags.init_checkpoint.empty()) {
    opened = open_model(source);
  } else if (!flags.vocab_file.empty()) {
    opened.source = source;
    opened.files = find_checkpoint_sources("", "", flags.vocab_file, "--vocab_file");
  }
  if (opened.files.tokenizer.has_vocabulary()) tokenizer.emplace(open_tokenizer(opened));
  CheckOptions options;
  options.lengths = {.tokenizer = tokenizer ? &*tokenizer : nullptr,
                     .max_seq_length = flags.max_seq_length,
                     .threads = flags.threads};
  options.check_adapter = [&](const Task& task) {
    if (!task.adapter.empty()) own_adapter(task, opened.description.bert);
  };
  const ProblemList problems = check_task_file(line.files.front(), options);
  if (flags.json) {
    std::cout << json_text(problems_json(problems.sorted()));
  } else {
    std::cout << problems_text(problems);
  }
  log_info(next_command(line, problems));
  return problems.errors() > 0 ? 1 : 0;
}

}  // namespace

Command add_check_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  CLI::App* app =
      program.add_subcommand("check", "lists all that is wrong with a task file and its data");
  app->add_option("files", line->files, "the task file (docs/tasks.md)")
      ->expected(0, 2)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(line->flags);
  add_options(*app, list);
  app->footer(
      "Errors are what `pals train` would refuse or learn something wrong from, and make the exit "
      "code 1; warnings do not.\n\nExamples:\n"
      "  pals check tasks.json\n"
      "  pals check tasks.json --init_checkpoint minilm --max_seq_length 64\n"
      "  pals check tasks.json --json");
  return {app, [line](const std::stop_token& /*stop*/) { return run_check(*line); }, list};
}

}  // namespace pals
