#include <iostream>

#include "base/error.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "convert/convert.h"
#include "hub/fetch.h"
#include "settings/tool_options.h"

namespace pals {
namespace {

struct CommandLine {
  ConvertFlags flags;
  std::vector<std::string> files;
};

int run_convert(const CommandLine& line) {
  ConvertOptions options = line.flags.convert;
  if (line.files.size() < 2 || line.files.size() > 3) {
    fail_usage("pals convert takes FROM TO, or CHECKPOINT CONFIGURATION OUTPUT; found ",
               counted(std::ssize(line.files), "argument"));
  }
  if (line.files.size() == 3) {
    if (!options.bert_config_file.empty()) {
      fail_usage("--bert_config_file is given twice: ", options.bert_config_file, " and ",
                 line.files[1]);
    }
    options.bert_config_file = line.files[1];
  }
  options.from = local_model(line.files.front());
  options.to = line.files.back();
  refuse_output_in(options.from, options.to, "TO:");
  const ConvertReport report = convert(options);
  std::cout << (line.flags.json ? json_text(report_to_json(report)) : report_text(report));
  return 0;
}

}  // namespace

Command add_convert_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  CLI::App* app = program.add_subcommand("convert", "rewrite a checkpoint in another format");
  app->add_option("files", line->files,
                  "FROM TO, or CHECKPOINT CONFIGURATION OUTPUT. FROM: a model folder, a TensorFlow "
                  "checkpoint's prefix, a PyTorch or safetensors file, an adapter of peft or "
                  "adapters; TO: a model folder, or a file .bin, .pt, .pth or .safetensors")
      ->expected(0, 4)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(line->flags);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals convert uncased_L-12_H-768_A-12/bert_model.ckpt bert-base\n"
      "  pals convert bert_model.ckpt bert_config.json pytorch_model.bin\n"
      "  pals convert runs/three/best three/pytorch_model.bin\n"
      "  pals convert three/pytorch_model.bin three-again --tasks rte,mrpc,sts\n"
      "  pals convert bert-squad/model.safetensors squad --kind span\n"
      "  pals convert lora-mood mood --base bert-base-uncased --task mood --labels bad,good\n"
      "  pals convert runs/mood/best lora-mood --to peft --task mood\n"
      "  pals convert runs/three/best encoder.safetensors --encoder_only --names transformers");
  return {app, [line](const std::stop_token& /*stop*/) { return run_convert(*line); }, list};
}

}  // namespace pals
