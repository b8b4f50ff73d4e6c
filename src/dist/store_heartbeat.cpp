#include "dist/store_heartbeat.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/signal.h"
#include "dist/silent_rank.h"

namespace pals {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char *kEnd = "pals/end", *kLeft = "pals/left", *kGone = "pals/gone";

std::string alive_key(int rank) { return concat("pals/alive/", rank); }

}  // namespace

struct StoreHeartbeat::Watch {
  c10::intrusive_ptr<c10d::Store> store;
  int rank = 0;
  std::vector<std::string> hosts;
  std::chrono::milliseconds patience, interval;
  std::mutex mutex;
  std::condition_variable_any woken;
  std::atomic<Clock::time_point> answered = Clock::now();  // by the store
  std::jthread counter, guard;                             // last: they use all of the above

  int size() const { return static_cast<int>(hosts.size()); }
  int before() const { return (rank + size() - 1) % size(); }

  // False once it is to stop.
  bool sleep(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop, interval, [] { return false; });
    return !stop.stop_requested();
  }

  void count(const std::stop_token& stop) {
    try {
      int64_t last = -1;
      Clock::time_point heard = Clock::now(), round = heard;
      do {
        store->add(alive_key(rank), 1);
        const int64_t now_at = store->add(alive_key(before()), 0);
        const Clock::time_point now = Clock::now();
        // A process that was itself suspended has heard nobody.
        if (now_at != last || now - round > patience / 2) heard = now;
        last = now_at;
        round = now;
        answered = now;
        if (now - heard > patience) lose_rank();
        if (store->check({kEnd})) std::_Exit(EXIT_FAILURE);  // whoever wrote it has said why
      } while (sleep(stop));
    } catch (const std::exception&) {
      if (!stop.stop_requested()) lose_store();
    }
  }

  // The store's calls have no end where its machine is gone.
  void watch_store(const std::stop_token& stop) {
    Clock::time_point round = Clock::now();
    while (sleep(stop)) {
      const Clock::time_point now = Clock::now();
      if (now - round > patience / 2) answered = now;
      round = now;
      if (now - answered.load() > patience) lose_store();
    }
  }

  [[noreturn]] void lose_rank() {
    say(silent_rank(before(), hosts[static_cast<size_t>(before())],
                    std::chrono::duration_cast<std::chrono::seconds>(patience)));
    store->set(kEnd, std::string("1"));
    std::_Exit(EXIT_FAILURE);
  }

  [[noreturn]] void lose_store() {
    // A launcher that ends all because rank 0 has ended shall come first.
    std::this_thread::sleep_for(patience / 8);
    say(concat("rank 0 on ", hosts.front(), " is gone or does not answer"));
    std::_Exit(EXIT_FAILURE);
  }

  static void say(const std::string& what) {
    if (stop_signal() == 0) say_all_end(what);
  }

  // Waits until `count` ranks have added themselves to the key.
  void await(const char* key, int64_t count) {
    while (store->add(key, 0) < count) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
};

StoreHeartbeat::StoreHeartbeat(c10::intrusive_ptr<c10d::Store> store, int rank,
                               std::vector<std::string> hosts, std::chrono::milliseconds patience)
    : watch_(std::make_unique<Watch>()) {
  watch_->store = std::move(store);
  watch_->rank = rank;
  watch_->hosts = std::move(hosts);
  watch_->patience = patience;
  watch_->interval = std::min(patience / 8, std::chrono::milliseconds(1000));
  Watch* watch = watch_.get();
  watch->counter = std::jthread([watch](const std::stop_token& stop) { watch->count(stop); });
  watch->guard = std::jthread([watch](const std::stop_token& stop) { watch->watch_store(stop); });
}

StoreHeartbeat::~StoreHeartbeat() {
  Watch& watch = *watch_;
  try {
    watch.store->add(kLeft, 1);
    watch.await(kLeft, watch.size());
    watch.counter.request_stop();
    watch.counter.join();
    watch.store->add(kGone, 1);
    if (watch.rank == 0) watch.await(kGone, watch.size());
  } catch (const std::exception&) {  // the store is gone, and so is who kept it
  }
}

}  // namespace pals
