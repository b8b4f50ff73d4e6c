#include "dist/nccl_backend.h"

#include "base/error.h"

#ifdef PALS_NCCL
#include <c10/cuda/CUDAGuard.h>

#include <cstdlib>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace pals {

#ifndef PALS_NCCL

c10::intrusive_ptr<c10d::Backend> start_nccl(const Launch& launch, at::Device /*device*/) {
  fail_usage(launch.size, " ranks on GPUs, but this pals was built with a LibTorch without NCCL");
}

#else

namespace {

constexpr int kUsualPort = 29500;  // torchrun's

// torchrun keeps the store itself unless told otherwise.
bool launcher_keeps_store() {
  const char* value = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  return value != nullptr && std::string_view(value) == "True";
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> start_nccl(const Launch& launch, at::Device device) {
  std::string address = launch.master_address;
  if (address.empty() && launch.local_size == launch.size) address = "127.0.0.1";
  if (address.empty()) {
    fail_usage(launch.launcher, " started ", launch.size,
               " ranks on several machines: MASTER_ADDR and MASTER_PORT must say where rank 0 is");
  }
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(launch.master_port == 0 ? kUsualPort : launch.master_port);
  options.isServer = launch.rank == 0 && !launcher_keeps_store();
  const c10::cuda::CUDAGuard guard(device);
  auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::TCPStore>(address, options), launch.rank, launch.size);
  group->enableCollectivesTiming();
  return group;
}

#endif

}  // namespace pals
