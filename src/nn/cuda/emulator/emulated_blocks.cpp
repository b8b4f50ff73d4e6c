#include "nn/cuda/emulator/emulated_blocks.h"

#include "nn/cuda/blocks_cuda.h"

namespace pals {

void cuda::on_device(const at::Tensor& x, const char* block, c10::function_ref<void(Stream)> work) {
  TORCH_CHECK(x.is_cpu(), block, ": the emulator works on the CPU's memory");
  work(nullptr);
}

const BlockTable& cuda_emulated_block_table() { return cuda::block_table(); }

}  // namespace pals
