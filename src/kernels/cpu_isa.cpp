// The choice of an instruction set for the CPU kernels, at run time.
#include "kernels/cpu_isa.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"

namespace pals {
namespace cpu {
namespace {

/// Those that this machine can run, best first.
std::vector<const isa::CpuKernels*> available() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<const isa::CpuKernels*> kernels;
  if (cpu.avx512_bf16 && cpu.avx512_vnni) kernels.push_back(&isa::kAvx512Bf16Kernels);
  if (cpu.avx512) kernels.push_back(&isa::kAvx512Kernels);
  if (cpu.avx2) kernels.push_back(&isa::kAvx2Kernels);
  kernels.push_back(&isa::kGenericKernels);
  return kernels;
}

/// The best up to the level that PALS_ISA names: a level the machine lacks gives its best.
const isa::CpuKernels* initial() {
  const std::vector<const isa::CpuKernels*> runnable = available();
  const char* wanted = std::getenv("PALS_ISA");
  if (wanted == nullptr || *wanted == '\0') {
    return runnable.front();
  }
  const std::string name = wanted;
  const std::vector<const isa::CpuKernels*> known = {&isa::kAvx512Bf16Kernels, &isa::kAvx512Kernels,
                                                     &isa::kAvx2Kernels, &isa::kGenericKernels};
  bool reached = false;
  for (const isa::CpuKernels* kernels : known) {
    reached = reached || name == kernels->name;
    if (reached && std::ranges::find(runnable, kernels) != runnable.end()) return kernels;
  }
  fail_usage("PALS_ISA=", name, ": want avx512_bf16, avx512, avx2 or generic");
}

std::atomic<const isa::CpuKernels*>& current() {
  static std::atomic<const isa::CpuKernels*> kernels = initial();
  return kernels;
}

}  // namespace

const isa::CpuKernels& kernels() { return *current().load(std::memory_order_relaxed); }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const isa::CpuKernels* kernels : available()) {
    names.emplace_back(kernels->name);
  }
  return names;
}

void set_isa(const std::string& name) {
  for (const isa::CpuKernels* kernels : available()) {
    if (name == kernels->name) {
      current().store(kernels);
      return;
    }
  }
  fail("instruction set ", name, " is not available on this machine");
}

}  // namespace cpu

const char* cpu_isa() { return cpu::kernels().name; }

}  // namespace pals
