// Linked into a test: with PALS_TEST_BLOCKS=cuda_emulated it computes on the CUDA kernels, as the
// emulator runs them.
#include "kernels/cuda/emulator/emulated_blocks.h"

#include <cstdlib>
#include <string_view>

namespace pals {
namespace {

const bool kChosen = [] {
  const char* wanted = std::getenv("PALS_TEST_BLOCKS");
  if (wanted == nullptr || std::string_view(wanted) != "cuda_emulated") return false;
  set_backend(c10::DeviceType::CPU, &cuda_emulated_backend());
  return true;
}();

}  // namespace
}  // namespace pals
