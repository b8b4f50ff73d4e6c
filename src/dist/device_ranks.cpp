#include "dist/device_ranks.h"

#include <cstdlib>
#include <exception>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "base/text_util.h"
#include "kernels/device.h"

namespace pals {
namespace {

constexpr int kUsualPort = c10d::TCPStoreOptions::kDefaultPort;  // torchrun's
constexpr const char* kMet = "pals/met";

// torchrun keeps the store itself unless told otherwise.
bool launcher_keeps_store() {
  const char* value = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  return value != nullptr && std::string_view(value) == "True";
}

struct Place {
  std::string address;
  int port = kUsualPort;
};

Place meeting_place(const Launch& launch) {
  Place place;
  place.address = launch.master_address;
  if (place.address.empty() && launch.local_size == launch.size) place.address = "127.0.0.1";
  if (place.address.empty()) {
    fail_usage(launch.launcher, " started ", launch.size,
               " ranks on several machines: MASTER_ADDR and MASTER_PORT must say where rank 0 is");
  }
  if (launch.master_port != 0) place.port = launch.master_port;
  return place;
}

std::string first_line(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  return what.substr(0, what.find('\n'));
}

c10::intrusive_ptr<c10d::Store> open_store(const Place& place, bool keeps) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place.port);
  options.isServer = keeps;
  try {
    return c10::make_intrusive<c10d::TCPStore>(place.address, options);
  } catch (const c10::Error& error) {
    fail(keeps ? "cannot wait for the other ranks at " : "cannot reach rank 0 at ", place.address,
         ":", place.port, " (another MASTER_PORT may help): ", first_line(error));
  }
}

// The ranks' machines. Throws UsageError on every rank if two have the same device.
std::vector<std::string> exchange_devices(c10d::Store& store, const Launch& launch,
                                          at::Device device) {
  const auto key = [](const char* what, int rank) { return concat("pals/", what, "/", rank); };
  const std::string host = host_name();
  const AcceleratorInfo info = accelerator_of(device)->info(device.index());
  store.set(key("host", launch.rank), host);
  store.set(key("device", launch.rank), concat(info.id, " (", info.name, ") of ", host));
  std::vector<std::string> hosts, devices;
  for (int rank = 0; rank < launch.size; ++rank) {
    hosts.push_back(store.get_to_str(key("host", rank)));
    devices.push_back(store.get_to_str(key("device", rank)));
  }
  // Who keeps the store must not fail, and end it, before all have read.
  store.add(kMet, 1);
  while (launch.rank == 0 && store.add(kMet, 0) < launch.size) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (size_t rank = 1; rank < devices.size(); ++rank) {
    for (size_t other = 0; other < rank; ++other) {
      if (devices[other] != devices[rank]) continue;
      fail_usage("ranks ", other, " and ", rank, " have the same device, ", devices[rank],
                 ": start one rank for each device, and let --device be auto or cuda, so that ",
                 "each takes its own");
    }
  }
  return hosts;
}

}  // namespace

DeviceRanks::DeviceRanks(const Launch& launch, at::Device device) {
  const Place place = meeting_place(launch);
  store_ = open_store(place, launch.rank == 0 && !launcher_keeps_store());
  std::vector<std::string> hosts;
  try {
    hosts = exchange_devices(*store_, launch, device);
  } catch (const c10::Error& error) {  // of the store
    fail("lost the other ranks at ", place.address, ":", place.port, ": ", first_line(error));
  }
  backend_ = accelerator_of(device)->join_ranks(device.index(), store_, launch.rank, launch.size);
  if (!backend_) {
    fail_usage(counted(launch.size, "rank"), " on ", device.str(),
               ", but its library was built without NCCL (nccl.h): start one process, or build ",
               "again with it");
  }
  heartbeat_ =
      std::make_unique<StoreHeartbeat>(open_store(place, false), launch.rank, std::move(hosts));
}

DeviceRanks::~DeviceRanks() {
  if (std::uncaught_exceptions() == 0) {
    backend_->shutdown();
    return;
  }
  // The other ranks may never come to an end of what is under way. Who watches them, and the store
  // that they reach each other by, live on until the process ends.
  backend_->abort();
  static_cast<void>(heartbeat_.release());
  static_cast<void>(store_.release());
}

}  // namespace pals
