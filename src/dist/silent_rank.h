// What is said when a rank has been silent and all must end.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/log.h"

namespace pals {

/// "rank 1 on HOST has not been heard of for 40 s and is taken for dead"
inline std::string silent_rank(int rank, const std::string& host, std::chrono::seconds patience) {
  return concat("rank ", rank, " on ", host, " has not been heard of for ", patience.count(),
                " s and is taken for dead");
}

/// Says on stderr why all ranks end, and how the run goes on.
inline void say_all_end(const std::string& why) {
  log_line(
      concat("pals: ", why, ": all ranks end; the same command goes on from the last checkpoint"));
}

}  // namespace pals
