// How this process was started: alone, or as one of many by mpirun, srun or torchrun.
#pragma once

#include <functional>
#include <string>

namespace pals {

/// What the launcher says in the environment.
struct Launch {
  std::string launcher;  ///< "mpirun", "mpiexec", "srun", "torchrun"; empty: started alone
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  ///< among the ranks of this machine
  std::string master_address;          ///< torchrun: where rank 0 listens
  int master_port = 0;

  bool many() const { return size > 1; }
};

/// Reads the environment through `get` (null: not set). torchrun's RANK, WORLD_SIZE, ... come
/// first, since it may itself be started by srun; then OMPI_*, PMI_*, SLURM_* of a job step.
/// Throws UsageError for values that are no numbers or contradict each other.
Launch read_launch(const std::function<const char*(const char*)>& get);

/// Of this process's environment.
Launch read_launch();

}  // namespace pals
