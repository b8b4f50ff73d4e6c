#include "kernels/cuda/emulator/emulated_blocks.h"

#include "kernels/cuda/backend_cuda.h"

namespace pals {

void cuda::on_device(const at::Tensor& x, const char* block, c10::function_ref<void(Stream)> work) {
  TORCH_CHECK(x.is_cpu(), block, ": the emulator works on the CPU's memory");
  work(nullptr);
}

const Backend& cuda_emulated_backend() { return cuda::backend(); }

}  // namespace pals
