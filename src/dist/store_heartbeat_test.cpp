#include "dist/store_heartbeat.h"

#include <gtest/gtest.h>

#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "dist/local_start.h"

namespace pals {
namespace {

using std::chrono::milliseconds;

c10::intrusive_ptr<c10d::TCPStore> open_store(int port, bool keeps) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = keeps;
  return c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
}

// Waits to be ended.
void live() { std::this_thread::sleep_for(std::chrono::seconds(20)); }

TEST(StoreHeartbeat, RanksTakeTheirLeaveTogether) {
  const int port = free_port();
  const auto store = open_store(port, true);
  std::thread other([port] {
    const StoreHeartbeat late(open_store(port, false), 1, {"a", "b"}, milliseconds(400));
    std::this_thread::sleep_for(milliseconds(1500));  // the first is patient: this one lives
  });
  { const StoreHeartbeat first(open_store(port, false), 0, {"a", "b"}, milliseconds(400)); }
  other.join();
}

TEST(StoreHeartbeatDeathTest, ASilentRankIsNamed) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const int port = free_port();
        const auto store = open_store(port, true);
        const StoreHeartbeat first(open_store(port, false), 0, {"a", "b"}, milliseconds(400));
        live();
      },
      ::testing::ExitedWithCode(1),
      "pals: rank 1 on b has not been heard of for .*last checkpoint");
}

TEST(StoreHeartbeatDeathTest, AStoreThatIsGoneIsNamed) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const int port = free_port();
        auto store = open_store(port, true);
        const StoreHeartbeat second(open_store(port, false), 1, {"a", "b"}, milliseconds(400));
        store.reset();
        live();
      },
      ::testing::ExitedWithCode(1), "pals: rank 0 on a is gone or does not answer");
}

}  // namespace
}  // namespace pals
