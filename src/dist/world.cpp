#include "dist/world.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>
#include <thread>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "base/error.h"
#include "base/host.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/text_util.h"
#include "dist/device_ranks.h"
#include "dist/local_start.h"
#include "dist/mpi_backend.h"

namespace pals {
namespace {

at::Tensor bytes_of(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes) {
  const at::Tensor here = bytes.cpu();
  return {static_cast<const char*>(here.const_data_ptr()), static_cast<size_t>(here.numel())};
}

// The machine, and which of its cores this process may use; their number.
std::pair<std::string, int> cores() {
  const std::string host = host_name();
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {concat(host, " ", getpid()), 1};
  std::string text = concat(host, " ");
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) text += concat(i, ",");
  }
  return {text, CPU_COUNT(&set)};
}

}  // namespace

World::World() = default;
World::~World() = default;
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;

World::World(const Launch& launch, at::Device device, std::stop_token stop)
    : rank_(launch.rank), size_(launch.size), device_(device), stop_(std::move(stop)) {
  if (!launch.many()) return;
  undo_default_binding();
  if (!device.is_cpu()) {
    std::stop_token own = std::move(stop_);
    *this = World(launch, std::make_unique<DeviceRanks>(launch, device), device);
    stop_ = std::move(own);
    return;
  }
  if (launch.launcher == "torchrun") {
    fail_usage("torchrun starts a rank for each GPU, and this is to run on CPUs: start with ",
               "mpirun -np ", launch.size, " or srun, or give --nproc ", launch.size,
               " without torchrun");
  }
  backend_ = start_mpi(launch);
}

World::World(const Launch& launch, std::unique_ptr<DeviceRanks> ranks, at::Device device)
    : rank_(launch.rank),
      size_(launch.size),
      device_(device),
      backend_(ranks->backend()),
      ranks_(std::move(ranks)) {}

PendingWork World::start_sum(const at::Tensor& tensor) const {
  std::vector<at::Tensor> tensors = {tensor};
  return backend_->allreduce(tensors);
}

PendingWork World::start_sum_at(const at::Tensor& tensor, int root) const {
  std::vector<at::Tensor> tensors = {tensor};
  c10d::ReduceOptions options;
  options.rootRank = root;
  return backend_->reduce(tensors, options);
}

PendingWork World::start_broadcast(const at::Tensor& tensor, int root) const {
  std::vector<at::Tensor> tensors = {tensor};
  c10d::BroadcastOptions options;
  options.rootRank = root;
  return backend_->broadcast(tensors, options);
}

PendingWork World::start_send(const at::Tensor& tensor, int to) const {
  std::vector<at::Tensor> tensors = {tensor};
  return backend_->send(tensors, to, 0);
}

PendingWork World::start_receive(const at::Tensor& tensor, int from) const {
  std::vector<at::Tensor> tensors = {tensor};
  return backend_->recv(tensors, from, 0);
}

void World::finish(const PendingWork& work, Traffic& traffic) const {
  const auto began = std::chrono::steady_clock::now();
  work->wait();
  traffic.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  // Elsewhere the device waits, not the host, and how long the work takes is not known yet.
  if (device_.is_cpu()) traffic.seconds += static_cast<double>(work->getDuration()) * 1e-3;
}

void World::sum(const at::Tensor& tensor) const {
  if (alone()) return;
  const at::Tensor there = tensor.to(device_);
  start_sum(there)->wait();
  if (!there.is_same(tensor)) tensor.copy_(there);
}

void World::broadcast(const at::Tensor& tensor) const {
  if (!alone()) start_broadcast(tensor, 0)->wait();
}

std::string World::broadcast(const std::string& text) const {
  if (alone()) return text;
  const at::Tensor size = at::full({1}, static_cast<int64_t>(text.size()),
                                   at::TensorOptions(at::kLong).device(device_));
  broadcast(size);
  const at::Tensor bytes =
      first() ? bytes_of(text).to(device_)
              : at::empty({size.item<int64_t>()}, at::TensorOptions(at::kByte).device(device_));
  broadcast(bytes);
  return text_of(bytes);
}

std::vector<std::string> World::gather(const std::string& text) const {
  if (alone()) return {text};
  // Sums of what others leave zero: one kind of collective is enough.
  at::Tensor sizes = at::zeros({size_}, at::TensorOptions(at::kLong).device(device_));
  sizes[rank_] = static_cast<int64_t>(text.size());
  sum(sizes);
  sizes = sizes.cpu();
  const auto* lengths = sizes.const_data_ptr<int64_t>();
  std::vector<int64_t> starts(static_cast<size_t>(size_) + 1);
  std::partial_sum(lengths, lengths + size_, starts.begin() + 1);
  const at::Tensor bytes = at::zeros({starts.back()}, at::TensorOptions(at::kByte).device(device_));
  const auto rank = static_cast<size_t>(rank_);
  bytes.slice(0, starts[rank], starts[rank + 1]).copy_(bytes_of(text));
  sum(bytes);
  std::vector<std::string> texts;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    texts.push_back(text_of(bytes.slice(0, starts[i], starts[i + 1])));
  }
  return texts;
}

void World::check_same(const std::string& what, const std::string& value) const {
  const std::vector<std::string> values = gather(value);
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] == values.front()) continue;
    fail("rank ", i, " has another ", what, " than rank 0: ", quote(values[i]), ", expected ",
         quote(values.front()));
  }
}

int World::num_cores() const {
  const auto [mine, count] = cores();
  const std::vector<std::string> all = gather(mine);
  const auto sharers = static_cast<int>(std::count(all.begin(), all.end(), mine));
  return std::max(1, count / sharers);
}

namespace {

void run_as_rank(int rank, const std::function<void()>& work) {
  if (rank == 0) {
    work();
    return;
  }
  set_quiet(true);
  try {
    work();
  } catch (const Error& error) {
    // The launcher ends this rank when rank 0 has reported the same. One that is still there after
    // a while has something to say of its own.
    constexpr std::chrono::milliseconds kWait{2000}, kPause{20};
    const bool stops = stop_signal() != 0;
    for (auto waited = kPause; waited < kWait; waited += kPause) {
      std::this_thread::sleep_for(kPause);
      if (!stops && stop_signal() != 0) std::_Exit(128 + stop_signal());
    }
    if (dynamic_cast<const Stopped*>(&error) != nullptr) std::_Exit(EXIT_FAILURE);
    const std::string message = concat("rank ", rank, ": ", error.what());
    if (dynamic_cast<const UsageError*>(&error) != nullptr) throw UsageError(message);
    throw Error(message);
  }
}

}  // namespace

void run_in_world(const Launch& launch, const std::stop_token& stop,
                  const std::function<at::Device()>& choose_device,
                  const std::function<void(const World&)>& work) {
  std::optional<World> world;  // stays while an Error waits for rank 0 to report it
  run_as_rank(launch.rank, [&] {
    world.emplace(launch, choose_device(), stop);
    work(*world);
  });
}

}  // namespace pals
