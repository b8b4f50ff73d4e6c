#include "kernels/threads.h"

#include <pals/threads.h>

#include "api/rethrow.h"

namespace pals::api {

void use_threads(int threads) {
  constexpr int kMost = 1024;  // as of --threads
  rethrown([&] {
    if (threads < 0 || threads > kMost) {
      fail_usage("threads: ", threads, ", expected 0 to ", kMost);
    }
    use_threads_here(threads);
  });
}

}  // namespace pals::api
