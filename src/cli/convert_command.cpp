#include <iostream>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "convert/convert.h"
#include "settings/shared.h"

namespace pals {
namespace {

struct CommandLine {
  ConvertOptions options;
  std::vector<std::string> files;
  bool json = false;
};

int run_convert(CommandLine& line) {
  ConvertOptions& options = line.options;
  if (line.files.size() < 2 || line.files.size() > 3) {
    fail_usage("pals convert takes FROM TO, or CHECKPOINT CONFIGURATION OUTPUT; found ",
               line.files.size(), " arguments");
  }
  if (line.files.size() == 3) {
    if (!options.bert_config_file.empty()) {
      fail_usage("--bert_config_file is given twice: ", options.bert_config_file, " and ",
                 line.files[1]);
    }
    options.bert_config_file = line.files[1];
  }
  options.from = line.files.front();
  options.to = line.files.back();
  const ConvertReport report = convert(options);
  std::cout << (line.json ? json_text(report_to_json(report)) : report_text(report));
  return 0;
}

}  // namespace

Command add_convert_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  ConvertOptions& o = line->options;
  CLI::App* app = program.add_subcommand("convert", "rewrite a checkpoint in another format");
  app->add_option("files", line->files,
                  "FROM TO, or CHECKPOINT CONFIGURATION OUTPUT. FROM: a model folder, a TensorFlow "
                  "checkpoint's prefix, a PyTorch or safetensors file; TO: a model folder, or a "
                  "file .bin, .pt, .pth or .safetensors")
      ->expected(0, 4)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_option("--to", o.to_format,
                  "folder, pytorch or safetensors, whatever the name of TO says");
  app->add_option("--bert_config_file", o.bert_config_file, "instead of the one beside FROM");
  app->add_option("--vocab_file", o.vocab_file, "instead of the one beside FROM");
  OptionList lower_case;
  lower_case.add("", {lower_case_option(o.do_lower_case)});
  add_options(*app, lower_case);
  app->add_option("--tasks", o.tasks, "the tasks of a file's heads, in their order");
  app->add_option("--task_file", o.task_file, "your own tasks, a JSON file");
  app->add_option("--kind", o.kind, "instead of them span or multiple_choice, of the only head");
  app->add_flag("--version_2_with_negative", o.version_2_with_negative,
                "with --kind span: questions may have no answer");
  app->add_option("--names", o.names,
                  "of a file's tensors: reference, transformers (LayerNorm.weight for gamma) or "
                  "pals (as in a model folder)");
  app->add_option("--max_seq_length", o.max_seq_length, "of a model folder")
      ->check(CLI::Range(0, 1 << 16));
  app->add_flag("--encoder_only", o.encoder_only, "leave out adapters and heads");
  app->add_flag("--drop_unexpected", o.drop_unexpected,
                "leave out tensors that the configuration has no place for");
  app->add_flag("--overwrite", o.overwrite, "put the new model folder in place of one at TO");
  app->add_flag("--json", line->json, "print what was done as JSON");
  app->footer(
      "Examples:\n"
      "  pals convert uncased_L-12_H-768_A-12/bert_model.ckpt bert-base\n"
      "  pals convert bert_model.ckpt bert_config.json pytorch_model.bin\n"
      "  pals convert runs/three/best three/pytorch_model.bin\n"
      "  pals convert three/pytorch_model.bin three-again --tasks rte,mrpc,sts\n"
      "  pals convert bert-squad/model.safetensors squad --kind span\n"
      "  pals convert runs/three/best encoder.safetensors --encoder_only --names transformers");
  return {app, [line] { return run_convert(*line); }};
}

}  // namespace pals
