#include "dist/load_mpi.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

// Why nothing is loaded out of these files.
std::string problem(const std::vector<std::string>& files) {
  const LoadedMpi loaded = load_mpi(files);
  EXPECT_EQ(loaded.calls, nullptr);
  EXPECT_LT(loaded.problem.size(), 240U);
  return loaded.problem;
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nwithout: " << part;
}

TEST(LoadMpi, SaysWhatIsMissing) {
  expect_contains(problem({"/nowhere/libpals_mpi.so"}), "there is no /nowhere/libpals_mpi.so");
  // What dlopen says of a library that needs another one which is not there, and of a file that is
  // none.
  expect_contains(problem({"libpals_nowhere.so"}), "libpals_nowhere.so: cannot open shared object");
  expect_contains(problem({"/nowhere/libpals_mpi.so", "/etc/passwd"}),
                  "MPI does not load (/etc/passwd");
  expect_contains(problem({"libz.so.1"}), "libz.so.1 is not the part for MPI");
}

TEST(LoadMpi, TheLibraryOfThisBuildLoadsOrSaysWhy) {
  const LoadedMpi& mpi = loaded_mpi();
  EXPECT_EQ(mpi.calls == nullptr, !mpi.problem.empty()) << mpi.problem;
  EXPECT_EQ(mpi.calls == nullptr, mpi_library().empty());
  if (mpi.calls == nullptr) GTEST_SKIP() << mpi.problem;
  EXPECT_EQ(mpi.calls->layout, kMpiLayout);
  EXPECT_EQ(mpi_library().find('\n'), std::string::npos);
  check_mpi(0, "MPI_Nothing");
}

}  // namespace
}  // namespace pals
