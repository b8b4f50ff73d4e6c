#include "dist/heartbeat.h"

#ifdef PALS_MPI
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "dist/mpi.h"
#include "dist/silent_rank.h"

namespace pals {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::seconds kPatience{40};
constexpr char kAlive = 1, kLeaving = 0;

}  // namespace

struct Heartbeat::Ring {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0, size = 1;
  std::vector<std::string> hosts;
  std::jthread thread;  // last: it uses all of the above

  int before() const { return (rank + size - 1) % size; }

  void run(const std::stop_token& stop) const {
    char sent = kAlive;
    MPI_Request sending = MPI_REQUEST_NULL;
    Clock::time_point heard = Clock::now(), round = heard;
    bool said_leaving = false, heard_leaving = false;
    while (!said_leaving || !heard_leaving) {
      int done = 0;
      MPI_Test(&sending, &done, MPI_STATUS_IGNORE);
      if (done != 0 && !said_leaving) {
        sent = stop.stop_requested() ? kLeaving : kAlive;
        said_leaving = sent == kLeaving;
        MPI_Isend(&sent, 1, MPI_CHAR, (rank + 1) % size, 0, comm, &sending);
      }
      if (hear(heard_leaving)) heard = Clock::now();
      // A process that was itself suspended has heard nobody.
      const Clock::time_point now = Clock::now();
      if (now - round > 5 * kInterval) heard = now;
      round = now;
      if (now - heard > kPatience) give_up();
      sleep(stop);
    }
    MPI_Wait(&sending, MPI_STATUS_IGNORE);
  }

  // Whether the predecessor has said anything.
  bool hear(bool& leaving) const {
    bool any = leaving;
    for (int waiting = 1; !leaving && waiting != 0;) {
      MPI_Iprobe(before(), 0, comm, &waiting, MPI_STATUS_IGNORE);
      if (waiting == 0) break;
      char word = kAlive;
      MPI_Recv(&word, 1, MPI_CHAR, before(), 0, comm, MPI_STATUS_IGNORE);
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
    MPI_Abort(MPI_COMM_WORLD, 1);
    std::abort();  // not reached
  }
};

Heartbeat::Heartbeat() : ring_(std::make_unique<Ring>()) {
  Ring& ring = *ring_;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &ring.comm), "MPI_Comm_dup");
  MPI_Comm_rank(ring.comm, &ring.rank);
  MPI_Comm_size(ring.comm, &ring.size);
  constexpr int kName = MPI_MAX_PROCESSOR_NAME;
  std::string names(static_cast<size_t>(ring.size) * kName, '\0');
  std::string own(kName, '\0');
  int length = 0;
  MPI_Get_processor_name(own.data(), &length);
  check_mpi(MPI_Allgather(own.data(), kName, MPI_CHAR, names.data(), kName, MPI_CHAR, ring.comm),
            "MPI_Allgather");
  for (int i = 0; i < ring.size; ++i) {
    ring.hosts.emplace_back(names.c_str() + static_cast<size_t>(i) * kName);
  }
  ring.thread = std::jthread([&ring](const std::stop_token& stop) { ring.run(stop); });
}

Heartbeat::~Heartbeat() {
  ring_->thread.request_stop();
  ring_->thread.join();
  MPI_Comm_free(&ring_->comm);
}

}  // namespace pals
#endif
