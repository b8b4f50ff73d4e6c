// Each rank shows another one that it lives: a machine that is gone closes no connections, and MPI
// would wait for it for ever.
#pragma once

#include <memory>

namespace pals {

/// Ranks watch each other in a ring, over a communicator and on a thread of their own. A rank whose
/// predecessor has been silent for 40 seconds names it on stderr and ends all (MPI_Abort).
/// MPI must have been initialised with MPI_THREAD_MULTIPLE.
class Heartbeat {
 public:
  Heartbeat();   ///< collective
  ~Heartbeat();  ///< collective: every rank takes its leave first
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  struct Ring;
  std::unique_ptr<Ring> ring_;
};

}  // namespace pals
