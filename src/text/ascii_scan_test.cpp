#include "text/ascii_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace pals {
namespace {

TEST(AsciiScan, FindsRunsOfEveryLength) {
  for (int c = 0; c < 256; ++c) {
    for (uint32_t size = 0; size <= 16; ++size) {
      const auto byte = static_cast<unsigned char>(c);
      std::string text(size, 'Z');
      text.append(17 - size, static_cast<char>(byte));
      const uint32_t expected = is_ascii_alphanumeric(byte) ? 16 : size;
      for (const bool do_lower_case : {false, true}) {
        const AsciiRun run = scan_ascii_run(text.data(), do_lower_case);
        ASSERT_EQ(run.size, expected);
        std::string folded = text.substr(0, expected);
        for (char& letter : folded) {
          if (do_lower_case && letter >= 'A' && letter <= 'Z') letter += 'a' - 'A';
        }
        ASSERT_EQ(run.key, WordKey::of(folded.data(), folded.size()));
      }
    }
  }
}

}  // namespace
}  // namespace pals
