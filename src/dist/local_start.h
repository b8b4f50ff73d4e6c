// Starts this program as several processes on this machine, by the mpirun that it was built for.
#pragma once

namespace pals {

/// The end of a message on what needs MPI in a build without it.
inline constexpr const char* kNoMpi =
    ", but this pals was built without MPI: install libopenmpi-dev and openmpi-bin, and build "
    "again";

/// Whether it can be done: this was built with MPI, and its mpirun is in PATH.
bool can_start_processes();

/// Starts this program again, with the same arguments, as so many processes on this machine, in
/// this one's place; ranks on GPUs will meet at a free port of it. Throws UsageError without MPI,
/// Error if there is no mpirun.
[[noreturn]] void restart_under_mpirun(int ranks);

/// A port of this machine that nobody listens at; 0 if there is none.
int free_port();

/// Open MPI binds ranks to a core or a socket unless told otherwise, and all threads of a rank with
/// it. Where nobody has told it, this makes the ranks share all cores.
void undo_default_binding();

}  // namespace pals
