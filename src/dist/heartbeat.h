// Each rank shows another one that it lives: a machine that is gone closes no connections, and MPI
// would wait for it for ever.
#pragma once

#include <memory>

#include "dist/mpi_calls.h"

namespace pals {

/// Ranks watch each other in a ring, over a communicator and on a thread of their own. A rank whose
/// predecessor has been silent for 40 seconds names it on stderr and ends all (MPI_Abort).
/// MPI must have been initialised, and take calls from several threads.
class Heartbeat {
 public:
  Heartbeat(const MpiCalls& mpi, int rank, int size);  ///< collective
  ~Heartbeat();  ///< collective: every rank takes its leave first
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  struct Ring;
  std::unique_ptr<Ring> ring_;
};

}  // namespace pals
