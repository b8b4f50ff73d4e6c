#include "dist/nccl_backend.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

#ifdef PALS_NCCL

TEST(NcclBackend, OneRankOnOneGpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  Launch launch;
  launch.master_address = "127.0.0.1";
  launch.master_port = 29517;
  const auto backend = start_nccl(launch, at::Device(at::kCUDA, 0));
  const at::Tensor ones = at::ones({1000}, at::TensorOptions(at::kFloat).device(at::kCUDA));
  std::vector<at::Tensor> tensors = {ones};
  backend->allreduce(tensors)->wait();
  EXPECT_EQ(ones.sum().item<float>(), 1000.0F);
  c10d::ReduceOptions options;
  backend->reduce(tensors, options)->wait();
  backend->broadcast(tensors)->wait();
  EXPECT_EQ(ones.sum().item<float>(), 1000.0F);
}

#else

TEST(NcclBackend, ABuildWithoutItSaysSo) {
  Launch launch;
  launch.size = 2;
  try {
    start_nccl(launch, at::Device(at::kCUDA, 0));
    FAIL() << "expected an error";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("without NCCL"), std::string::npos);
  }
}

#endif

}  // namespace
}  // namespace pals
