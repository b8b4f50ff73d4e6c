#include "kernels/threads.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <sched.h>

#include "base/log.h"

namespace pals {
namespace {

/// Those that the process may run on; 0 if the system does not say.
int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

void warn_of_many(const char* name, int threads) {
  const int cores = usable_cores();
  if (cores > 0 && threads > cores) {
    log_warning(name, " ", threads, " is more than the ", cores,
                " cores that this process may use; threads that wait for a core slow it down");
  }
}

}  // namespace

void use_threads(int threads) {
  if (threads <= 0) return;
  at::set_num_threads(threads);
  warn_of_many("--threads", threads);
}

void use_threads_here(int threads) {
  // LibTorch sets a thread up when it first asks here; what is chosen must come after that.
  static const int usual = at::get_num_threads();
  at::get_num_threads();
  omp_set_num_threads(threads > 0 ? threads : usual);
  warn_of_many("threads", threads);
}

}  // namespace pals
