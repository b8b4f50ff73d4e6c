// Starts this program as several processes on this machine, by the mpirun of the MPI that it uses.
#pragma once

namespace pals {

/// Whether it can be done: there is MPI (dist/load_mpi.h), and mpirun is in PATH.
bool can_start_processes();

/// Runs this program again, with the same arguments, as so many processes on this machine, and
/// returns its exit status when all have ended; ranks on GPUs meet at a free port of it. A signal
/// that asks this process to stop (base/signal.h) goes to every rank, which has the time that it
/// needs; if this process is gone, they end. Throws UsageError without MPI, Error if there is no
/// mpirun.
int run_under_mpirun(int ranks);

/// A port of this machine that nobody listens at; 0 if there is none.
int free_port();

/// Open MPI binds ranks to a core or a socket unless told otherwise, and all threads of a rank with
/// it. Where nobody has told it, this makes the ranks share all cores.
void undo_default_binding();

}  // namespace pals
