#include <ATen/Parallel.h>
#include <cpuid.h>
#include <torch/version.h>

#include <iostream>

#include "base/json.h"
#include "cli/commands.h"
#include "nn/blocks.h"
#include "train/setup.h"

#ifndef PALS_VERSION
#define PALS_VERSION "0.1.0"
#endif

namespace pals {
namespace {

OrderedJson collect() {
  OrderedJson isa = OrderedJson::array();
  const auto add = [&](const char* name, bool present) {
    if (present) isa.push_back(name);
  };
  unsigned a = 0, b = 0, c = 0, d = 0;
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  add("avx2", __builtin_cpu_supports("avx2") != 0);
  add("avx512", __builtin_cpu_supports("avx512f") != 0);
  add("avx512_vnni", __builtin_cpu_supports("avx512vnni") != 0);
  add("avx512_bf16", __builtin_cpu_supports("avx512bf16") != 0);
  add("amx_bf16", (d & (1U << 22)) != 0);
  add("amx_int8", (d & (1U << 25)) != 0);
  return {{"version", PALS_VERSION},
          {"libtorch", TORCH_VERSION},
          {"devices", {"cpu"}},
          {"instruction_sets", isa},
          {"kernels", cpu_isa()},
          {"threads", at::get_num_threads()},
          {"precision", precision_name(parse_precision("auto"))}};
}

}  // namespace

Command add_info_command(CLI::App& program) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* app = program.add_subcommand("info", "version, devices, instruction sets, threads");
  app->add_flag("--json", *as_json, "as JSON");
  return {app, [as_json] {
            const OrderedJson info = collect();
            if (*as_json) {
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
          }};
}

}  // namespace pals
