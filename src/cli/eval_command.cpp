#include <algorithm>
#include <iostream>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "report/details.h"
#include "settings/use_options.h"
#include "train/folder_evaluation.h"

namespace pals {
namespace {

std::vector<AnalysedTask> analyse_all(const Evaluation& evaluation, const EvalOptions& options) {
  std::vector<AnalysedTask> analysed;
  for (const TaskPredictions& predictions : evaluation.predictions) {
    const auto task = std::ranges::find(evaluation.tasks, predictions.head.task, &Task::name);
    analysed.push_back({&predictions, &*task, analyse(predictions, &*task, options.per_class)});
  }
  return analysed;
}

void write_errors(const std::vector<AnalysedTask>& analysed, const EvalOptions& options) {
  std::vector<std::unique_ptr<RowTexts>> texts;
  const std::string lines = error_lines(analysed, [&](const AnalysedTask& task) {
    const auto unknown = [](const std::string& /*split*/) { return std::string(); };
    texts.push_back(std::make_unique<RowTexts>(*task.task, options.data_dir, unknown));
    return texts.back().get();
  });
  write_file_atomically(options.errors, lines);
  for (const auto& own : texts) {
    for (const std::string& problem : own->problems()) log_warning(problem);
  }
}

void print_scores(const Evaluation& evaluation, const std::vector<AnalysedTask>& analysed,
                  const EvalOptions& options) {
  if (!options.json) {
    std::cout << scores_table(evaluation.scores);
    if (!options.per_class) return;
    for (const AnalysedTask& task : analysed) std::cout << "\n" << details_table(task.analysis);
    return;
  }
  OrderedJson json = scores_to_json(evaluation.scores);
  if (options.per_class) {
    for (const AnalysedTask& task : analysed) {
      json["tasks"][task.analysis.task].update(details_json(task.analysis));
    }
  }
  std::cout << json_text(json);
}

void show(const Evaluation& evaluation, const EvalOptions& options) {
  std::vector<AnalysedTask> analysed;
  if (options.per_class || !options.errors.empty()) analysed = analyse_all(evaluation, options);
  if (!options.errors.empty()) write_errors(analysed, options);
  print_scores(evaluation, analysed, options);
}

}  // namespace

Command add_eval_command(CLI::App& program) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* app =
      program.add_subcommand("eval", "score a saved model on the dev sets of its tasks");
  OptionList list = options_of(*options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals eval --model runs/three/best --data_dir glue\n"
      "  pals eval --model runs/three/best --data_dir glue --tasks rte --per_class \\\n"
      "      --errors errors.jsonl");
  return {app,
          [options](const std::stop_token& stop) {
            const auto evaluation = evaluate_folder(*options, stop);
            if (evaluation) show(*evaluation, *options);
            return 0;
          },
          list};
}

}  // namespace pals
