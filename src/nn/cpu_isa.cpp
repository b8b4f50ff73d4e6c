// The choice of an instruction set for the CPU kernels, at run time.
#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"
#include "nn/blocks_cpu.h"

namespace pals {
namespace cpu {
namespace {

/// The tables this machine can run, best first.
std::vector<const isa::KernelTable*> available() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<const isa::KernelTable*> tables;
  if (cpu.avx512_bf16 && cpu.avx512_vnni) tables.push_back(&isa::kAvx512Bf16Kernels);
  if (cpu.avx512) tables.push_back(&isa::kAvx512Kernels);
  if (cpu.avx2) tables.push_back(&isa::kAvx2Kernels);
  tables.push_back(&isa::kGenericKernels);
  return tables;
}

/// The best table up to the level that PALS_ISA names: a level the machine lacks gives its best.
const isa::KernelTable* initial_table() {
  const std::vector<const isa::KernelTable*> tables = available();
  const char* wanted = std::getenv("PALS_ISA");
  if (wanted == nullptr || *wanted == '\0') {
    return tables.front();
  }
  const std::string name = wanted;
  const std::vector<const isa::KernelTable*> known = {
      &isa::kAvx512Bf16Kernels, &isa::kAvx512Kernels, &isa::kAvx2Kernels, &isa::kGenericKernels};
  bool reached = false;
  for (const isa::KernelTable* table : known) {
    reached = reached || name == table->name;
    if (reached && std::find(tables.begin(), tables.end(), table) != tables.end()) {
      return table;
    }
  }
  fail_usage("PALS_ISA=", name, ": want avx512_bf16, avx512, avx2 or generic");
}

std::atomic<const isa::KernelTable*>& current() {
  static std::atomic<const isa::KernelTable*> table = initial_table();
  return table;
}

}  // namespace

const isa::KernelTable& kernels() { return *current().load(std::memory_order_relaxed); }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const isa::KernelTable* table : available()) {
    names.emplace_back(table->name);
  }
  return names;
}

void set_isa(const std::string& name) {
  for (const isa::KernelTable* table : available()) {
    if (name == table->name) {
      current().store(table);
      return;
    }
  }
  fail("instruction set ", name, " is not available on this machine");
}

}  // namespace cpu

const char* cpu_isa() { return cpu::kernels().name; }

}  // namespace pals
