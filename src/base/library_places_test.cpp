#include "base/library_places.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace pals {
namespace {

TEST(LibraryPlaces, AreRelativeToTheProgram) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::vector<std::string> expected = {folder / "libx.so",
                                             folder.parent_path() / "lib/pals/libx.so",
                                             folder.parent_path() / "libx.so"};
  EXPECT_EQ(library_places("libx.so"), expected);
}

}  // namespace
}  // namespace pals
