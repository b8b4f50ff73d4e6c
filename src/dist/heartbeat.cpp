#include "dist/heartbeat.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "dist/load_mpi.h"
#include "dist/silent_rank.h"

namespace pals {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::seconds kPatience{40};
constexpr char kAlive = 1, kLeaving = 0;

}  // namespace

struct Heartbeat::Ring {
  const MpiCalls& mpi;
  int rank = 0, size = 1;
  std::vector<std::string> hosts = {};
  std::jthread thread = {};  // last: it uses all of the above

  int before() const { return (rank + size - 1) % size; }

  void run(const std::stop_token& stop) const {
    char sent = kAlive;
    Clock::time_point heard = Clock::now(), round = heard;
    bool said_leaving = false, heard_leaving = false;
    while (!said_leaving || !heard_leaving) {
      int done = 0;
      mpi.ring_sent(&done);
      if (done != 0 && !said_leaving) {
        sent = stop.stop_requested() ? kLeaving : kAlive;
        said_leaving = sent == kLeaving;
        mpi.ring_send(&sent);
      }
      if (hear(heard_leaving)) heard = Clock::now();
      // A process that was itself suspended has heard nobody.
      const Clock::time_point now = Clock::now();
      if (now - round > 5 * kInterval) heard = now;
      round = now;
      if (now - heard > kPatience) give_up();
      sleep(stop);
    }
    mpi.ring_wait();
  }

  // Whether the predecessor has said anything.
  bool hear(bool& leaving) const {
    bool any = leaving;
    while (!leaving) {
      char word = kAlive;
      int received = 0;
      mpi.ring_receive(&word, &received);
      if (received == 0) break;
      leaving = word == kLeaving;
      any = true;
    }
    return any;
  }

  void sleep(const std::stop_token& stop) const {
    const Clock::time_point until =
        Clock::now() + (stop.stop_requested() ? kInterval / 200 : kInterval);
    while (Clock::now() < until) {
      const bool leaving = stop.stop_requested();
      std::this_thread::sleep_for(kInterval / (leaving ? 200 : 20));
      if (!leaving && stop.stop_requested()) return;
    }
  }

  [[noreturn]] void give_up() const {
    say_all_end(silent_rank(before(), hosts[static_cast<size_t>(before())], kPatience));
    mpi.abort(1);
    std::abort();  // not reached
  }
};

Heartbeat::Heartbeat(const MpiCalls& mpi, int rank, int size)
    : ring_(std::make_unique<Ring>(Ring{mpi, rank, size})) {
  Ring& ring = *ring_;
  check_mpi(mpi.ring_open(), "MPI_Comm_dup");
  std::string names(static_cast<size_t>(size) * kMpiName, '\0');
  check_mpi(mpi.ring_names(names.data()), "MPI_Allgather");
  for (int i = 0; i < size; ++i) {
    ring.hosts.emplace_back(names.c_str() + static_cast<size_t>(i) * kMpiName);
  }
  ring.thread = std::jthread([&ring](const std::stop_token& stop) { ring.run(stop); });
}

Heartbeat::~Heartbeat() {
  ring_->thread.request_stop();
  ring_->thread.join();
  ring_->mpi.ring_close();
}

}  // namespace pals
