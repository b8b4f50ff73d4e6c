#include <iostream>

#include "base/error.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "convert/export.h"
#include "hub/fetch.h"
#include "settings/export_options.h"

namespace pals {
namespace {

struct CommandLine {
  ExportFlags flags;
  std::vector<std::string> files;
};

int run_export(const CommandLine& line) {
  ExportOptions options = line.flags.options;
  if (line.files.size() != 2) {
    fail_usage("pals export takes a model folder and an output; found ",
               counted(std::ssize(line.files), "argument"));
  }
  options.from = local_model(line.files.front());
  options.to = line.files.back();
  refuse_to_overwrite(options.from, options.to, "OUT:");
  const ExportReport report = export_model(options);
  std::cout << (line.flags.json ? json_text(report_to_json(report)) : report_text(report));
  return 0;
}

}  // namespace

Command add_export_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  CLI::App* app = program.add_subcommand(
      "export", "write a model for transformers, ONNX or sentence-transformers");
  app->add_option("files", line->files,
                  "FOLDER OUT. FOLDER: a model folder, such as RUN/best; OUT: a folder, or a file "
                  ".onnx")
      ->expected(0, 4)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(line->flags);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals export runs/three/best rte-hub --format transformers --task rte\n"
      "  pals export runs/three/best three.onnx\n"
      "  pals export runs/three/best embedder --format sentence-transformers --normalize");
  return {app, [line](const std::stop_token& /*stop*/) { return run_export(*line); }, list};
}

}  // namespace pals
