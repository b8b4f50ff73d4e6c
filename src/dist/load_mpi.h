// MPI, loaded when it is first asked for: the program itself is linked with none.
#pragma once

#include <string>
#include <vector>

#include "dist/mpi_calls.h"

namespace pals {

/// MPI's calls, or why there are none.
struct LoadedMpi {
  const MpiCalls* calls = nullptr;
  std::string problem;  ///< where there are none: what is missing, and what to do
};

/// Loads libpals_mpi.so, the first of these files that exists (a name without a slash is looked for
/// as dlopen does), for the rest of the process.
LoadedMpi load_mpi(const std::vector<std::string>& files);

/// Loads, once a process, the file that the environment variable PALS_MPI_LIBRARY names, or else
/// the one that came with this program (base/library_places.h).
const LoadedMpi& loaded_mpi();

/// Name and version of the MPI that is used here; empty without.
std::string mpi_library();

/// Throws Error with MPI's text unless a call went well.
void check_mpi(int status, const char* call);

}  // namespace pals
