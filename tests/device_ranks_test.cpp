// Ranks on devices, in one process: on the simulated device, and through NCCL where there is a GPU.
// tests/e2e/test_gpu_ranks.py has them in processes of their own.
#include "dist/device_ranks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "device_training.h"
#include "dist/local_start.h"
#include "train/placement.h"

namespace pals {
namespace {

using testing::devices;
using testing::kSteps;
using testing::tiny_adapter;
using testing::tolerance_on;
using testing::Training;

Launch one_of(int size, int rank, int port) {
  Launch launch;
  launch.launcher = "torchrun";
  launch.size = launch.local_size = size;
  launch.rank = launch.local_rank = rank;
  launch.master_address = "127.0.0.1";
  launch.master_port = port;
  return launch;
}

TEST(DeviceRanks, OneRankIsTheSameAsNone) {
  for (const at::Device device : devices()) {
    Training alone(tiny_adapter("pals"), {}, Frozen::kNothing, device);
    const Launch launch = one_of(1, 0, free_port());
    World world(launch, std::make_unique<DeviceRanks>(launch, device), device);
    EXPECT_FALSE(world.alone());
    Training joined(tiny_adapter("pals"), {}, Frozen::kNothing, device, false, std::move(world));
    const std::vector<double> losses = alone.run(0, kSteps), others = joined.run(0, kSteps);
    for (size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(others[i], losses[i], tolerance_on(device, 1e-5)) << device << ", step " << i;
    }
    EXPECT_GT(joined.parallel().speed(kSteps).traffic->bytes_a_step, 0.0);
  }
}

TEST(DeviceRanks, WhatAWorldDoesWithTensorsAndTexts) {
  for (const at::Device device : devices()) {
    const Launch launch = one_of(1, 0, free_port());
    const World world(launch, std::make_unique<DeviceRanks>(launch, device), device);
    for (const at::ScalarType type :
         {at::kFloat, at::kDouble, at::kBFloat16, at::kLong, at::kByte}) {
      const at::Tensor there = at::full({1000}, 3, at::TensorOptions(type).device(device));
      world.sum(there);
      world.broadcast(there);
      world.start_sum_at(there, 0)->wait();
      EXPECT_EQ(there.to(at::kDouble).sum().item<double>(), 3000.0) << device << ", " << type;
    }
    const at::Tensor here = at::ones({3});
    world.sum(here);
    EXPECT_EQ(here.sum().item<float>(), 3.0F);
    EXPECT_EQ(world.broadcast("text"), "text");
    EXPECT_EQ(world.broadcast(""), "");
    EXPECT_EQ(world.gather("mine"), std::vector<std::string>{"mine"});
  }
}

// NCCL itself would end with "Duplicate GPU detected".
TEST(DeviceRanks, TwoOnOneDeviceAreRefused) {
  for (const at::Device device : devices()) {
    const int port = free_port();
    const auto rank = [&](int number) {
      try {
        const DeviceRanks ranks(one_of(2, number, port), device);
        ADD_FAILURE() << device << ": they were joined";
      } catch (const UsageError& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("ranks 0 and 1 have the same device, "), std::string::npos) << what;
      }
    };
    std::thread other(rank, 1);
    rank(0);
    other.join();
  }
}

TEST(DeviceRanks, APlaceThatIsTakenIsNamed) {
  const int port = free_port();
  const at::Device device = testing::simulated_device();
  const DeviceRanks first(one_of(1, 0, port), device);
  try {
    const DeviceRanks second(one_of(1, 0, port), device);
    FAIL() << "a second store at the same port";
  } catch (const UsageError&) {
    FAIL() << "want a plain Error";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(concat("127.0.0.1:", port)), std::string::npos) << what;
    EXPECT_NE(what.find("MASTER_PORT"), std::string::npos) << what;
  }
}

TEST(DeviceRanks, NeedAPlaceOnSeveralMachines) {
  Launch launch = one_of(4, 0, 0);
  launch.master_address = "";
  launch.local_size = 2;
  EXPECT_THROW(DeviceRanks(launch, testing::simulated_device()), UsageError);
}

/// A machine with so many of the simulated device, until the end of a test.
class Machine {
 public:
  explicit Machine(int devices) {
    testing::simulated_device();
    setenv("PALS_SIMULATED_DEVICES", std::to_string(devices).c_str(), 1);
  }
  ~Machine() { unsetenv("PALS_SIMULATED_DEVICES"); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
};

TEST(Placement, EachRankHasTheDeviceOfItsNumber) {
  const DeviceChoice any = testing::kSimulatedDevice;
  const Machine three(3);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(choose_device(any, {rank, 3}).index(), rank);
    EXPECT_EQ(choose_device({DeviceType::kSimulated, 1}, {rank, 3}).index(), 1);
  }
  EXPECT_THROW(choose_device(any, {3, 4}), UsageError);
  const Machine one(1);  // of several, as a launcher may show them
  EXPECT_EQ(choose_device(any, {2, 4}).index(), 0);
}

TEST(Placement, AProcessForEachDeviceThatIsLeftOpen) {
  const Launch alone;
  TrainOptions options;
  options.device = testing::kSimulatedDevice;
  const Machine three(3);
  EXPECT_EQ(processes_to_start(options, alone), 3);
  EXPECT_EQ(processes_to_start(options, one_of(1, 0, 0)), 1);
  options.nproc = 2;
  EXPECT_EQ(processes_to_start(options, alone), 2);
  options.nproc = 1;
  EXPECT_EQ(processes_to_start(options, alone), 1);
  options.nproc.reset();
  for (const DeviceChoice& device :
       {DeviceChoice{DeviceType::kSimulated, 2}, DeviceChoice{DeviceType::kCpu}}) {
    options.device = device;
    EXPECT_EQ(processes_to_start(options, alone), 1) << text_of(device);
  }
  options.no_cuda = true;
  EXPECT_EQ(processes_to_start(options, alone), 1);
}

TEST(Placement, OneProcessWhereThereIsNone) {
  const Machine none(0);
  TrainOptions options;
  options.device = testing::kSimulatedDevice;
  EXPECT_EQ(processes_to_start(options, {}), 1);  // which then says what is missing
  EXPECT_THROW(choose_device(options, {}), UsageError);
}

}  // namespace
}  // namespace pals
