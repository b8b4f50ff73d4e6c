#include "kernels/threads.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <thread>

namespace pals {
namespace {

TEST(Threads, OfTheCallingThreadAlone) {
  const int usual = at::get_num_threads();
  int chosen = 0, another = 0;
  std::thread([&] {
    use_threads_here(usual + 3);
    chosen = at::get_num_threads();
    use_threads_here(0);
    another = at::get_num_threads();
  }).join();
  EXPECT_EQ(chosen, usual + 3);
  EXPECT_EQ(another, usual);
  EXPECT_EQ(at::get_num_threads(), usual);
  std::thread([&] { another = at::get_num_threads(); }).join();
  EXPECT_EQ(another, usual);
}

}  // namespace
}  // namespace pals
