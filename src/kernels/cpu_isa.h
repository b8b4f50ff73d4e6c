// The CPU kernels' instruction set, chosen at run time.
#pragma once

#include <string>
#include <vector>

#include "kernels/isa/arguments.h"

namespace pals::cpu {

/// The kernels in use: the best that the machine has, lowered by PALS_ISA (unknown: UsageError).
const isa::CpuKernels& kernels();

/// Names of the instruction sets that this machine can run, best first.
std::vector<std::string> available_isas();

/// Switches to one of available_isas(); for tests and benchmarks, not while kernels run.
void set_isa(const std::string& name);

}  // namespace pals::cpu
