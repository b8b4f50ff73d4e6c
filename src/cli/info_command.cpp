#include <ATen/Parallel.h>
#include <torch/version.h>

#include <iostream>

#include "base/cpu.h"
#include "base/error.h"
#include "base/json.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "dist/load_mpi.h"
#include "hub/fetch.h"
#include "kernels/device.h"
#include "kernels/operations.h"
#include "model/folder_facts.h"
#include "modules/precision_choice.h"
#include "settings/tool_options.h"

namespace pals {
namespace {

OrderedJson collect() {
  OrderedJson isa = OrderedJson::array();
  const auto add = [&](const char* name, bool present) {
    if (present) isa.push_back(name);
  };
  const CpuFeatures& cpu = cpu_features();
  add("avx2", cpu.avx2);
  add("avx512", cpu.avx512);
  add("avx512_vnni", cpu.avx512_vnni);
  add("avx512_bf16", cpu.avx512_bf16);
  add("amx_bf16", cpu.amx_bf16);
  add("amx_int8", cpu.amx_int8);
  OrderedJson devices = OrderedJson::array({"cpu"});
  const at::Device best = choose_device({});
  if (const Accelerator* accelerator = accelerator_of(best)) {
    for (int i = 0; i < accelerator->device_count(); ++i) {
      devices.push_back(device_name({best.type(), static_cast<c10::DeviceIndex>(i)}));
    }
  }
  return {{"version", version()},
          {"libtorch", TORCH_VERSION},
          {"devices", devices},
          {"instruction_sets", isa},
          {"kernels", cpu_isa()},
          {"threads", at::get_num_threads()},
          {"mpi", mpi_library().empty() ? "none" : mpi_library()},
          {"precision", precision_name(choose_precision(PrecisionChoice::kAuto, best))}};
}

struct CommandLine {
  InfoOptions options;
  std::vector<std::string> folders;
};

int run_info(const CommandLine& line) {
  if (line.folders.size() > 1) {
    fail_usage("pals info takes one model folder, or none; found ", line.folders.size());
  }
  if (!line.folders.empty()) {
    const OrderedJson facts = folder_facts(local_model(line.folders.front()));
    std::cout << (line.options.json ? json_text(facts) : folder_facts_text(facts));
    return 0;
  }
  const OrderedJson info = collect();
  if (line.options.json) {
    std::cout << json_text(info);
    return 0;
  }
  for (const auto& item : info.items()) {
    std::cout << item.key() << ": "
              << (item.value().is_string() ? item.value().get<std::string>() : item.value().dump())
              << "\n";
  }
  return 0;
}

}  // namespace

Command add_info_command(CLI::App& program) {
  auto line = std::make_shared<CommandLine>();
  CLI::App* app = program.add_subcommand(
      "info", "version, devices, instruction sets, threads; or what a model folder holds");
  app->add_option("folder", line->folders,
                  "a model folder, such as RUN/best: its tasks, labels, adapters, sizes, with all "
                  "hashes compared")
      ->expected(0, 2)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  OptionList list = options_of(line->options);
  add_options(*app, list);
  app->footer(
      "Examples:\n"
      "  pals info\n"
      "  pals info runs/three/best --json");
  return {app, [line](const std::stop_token& /*stop*/) { return run_info(*line); }, list};
}

}  // namespace pals
