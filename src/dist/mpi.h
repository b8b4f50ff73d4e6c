// <mpi.h> without its C++ bindings. For the .cpp files of this room alone, where MPI was found.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

namespace pals {

/// Throws Error with MPI's text unless a call went well.
void check_mpi(int status, const char* call);

}  // namespace pals
