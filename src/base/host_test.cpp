#include "base/host.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace pals {
namespace {

TEST(Host, TheMatrixLevelFollowsOneDnn) {
  const std::string here = matrix_isa();
  EXPECT_FALSE(here.empty());
  ASSERT_EQ(setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1), 0);
  EXPECT_EQ(matrix_isa(), "generic");
  ASSERT_EQ(setenv("ONEDNN_MAX_CPU_ISA", "DEFAULT", 1), 0);
  EXPECT_EQ(matrix_isa(), here);
  ASSERT_EQ(unsetenv("ONEDNN_MAX_CPU_ISA"), 0);
}

TEST(Host, ThePresentSizeGrowsWithMemoryThatIsTouched) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const int64_t before = rss_bytes();
  const std::vector<char> block(kBytes, 'x');
  EXPECT_GE(rss_bytes() - before, kBytes / 10 * 9);
  EXPECT_GE(peak_rss_bytes(), rss_bytes() / 10 * 9);
}

TEST(Host, AProbeSeesAPeakThatIsGoneAgain) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer's own memory, four times as much, counts";
#endif
  constexpr int64_t kBytes = int64_t{64} << 20;
  const MemoryProbe probe;
  { const std::vector<char> block(kBytes, 'x'); }
  const int64_t peak = probe.peak_bytes();
  if (peak == 0) GTEST_SKIP() << "peaks cannot be set back here";
  EXPECT_GE(peak, kBytes / 10 * 9);  // the kernel counts pages in bundles
  EXPECT_LT(peak, 2 * kBytes);
  EXPECT_GE(peak_rss_bytes(), kBytes / 10 * 9);
  EXPECT_LT(MemoryProbe().peak_bytes(), kBytes / 2);
}

}  // namespace
}  // namespace pals
