#include <ATen/Parallel.h>
#include <torch/version.h>

#include <iostream>

#include "base/cpu.h"
#include "base/json.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/option_flags.h"
#include "dist/mpi_backend.h"
#include "nn/blocks.h"
#include "nn/device.h"
#include "nn/precision_choice.h"
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

}  // namespace

Command add_info_command(CLI::App& program) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* app = program.add_subcommand("info", "version, devices, instruction sets, threads");
  OptionList list = options_of(*options);
  add_options(*app, list);
  return {app,
          [options](const std::stop_token& /*stop*/) {
            const OrderedJson info = collect();
            if (options->json) {
              std::cout << json_text(info);
              return 0;
            }
            for (const auto& item : info.items()) {
              std::cout << item.key() << ": "
                        << (item.value().is_string() ? item.value().get<std::string>()
                                                     : item.value().dump())
                        << "\n";
            }
            return 0;
          },
          list};
}

}  // namespace pals
