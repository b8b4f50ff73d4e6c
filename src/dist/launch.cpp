#include "dist/launch.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace pals {
namespace {

constexpr int kMostRanks = 1 << 20;

class Environment {
 public:
  explicit Environment(const std::function<const char*(const char*)>& get) : get_(get) {}

  std::string text(const char* name) const {
    const char* value = get_(name);
    return value == nullptr ? "" : value;
  }

  bool has(const char* name) const { return !text(name).empty(); }

  /// A number in [0, below), or `fallback` where the variable is not set.
  int number(const char* name, int below, int fallback) const {
    const std::string value = text(name);
    if (value.empty()) return fallback;
    int result = 0;
    const char* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, result);
    if (error != std::errc() || rest != end || result < 0 || result >= below) {
      fail_usage("environment variable ", name, "=", value, ": expected a number from 0 to ",
                 below - 1);
    }
    return result;
  }

  /// The number that a variable begins with: Slurm writes "2(x4)" for four machines of two ranks.
  int leading_number(const char* name) const {
    const std::string value = text(name);
    int result = 1;
    std::from_chars(value.data(), value.data() + value.size(), result);
    return result >= 1 && result < kMostRanks ? result : 1;
  }

 private:
  const std::function<const char*(const char*)>& get_;
};

/// The variables of one launcher, which started this process if rank and size are set.
struct Names {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};

// SLURM_NTASKS is set in a batch script too; the step's variables only below srun.
constexpr Names kNames[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"},
};

}  // namespace

Launch read_launch(const std::function<const char*(const char*)>& get) {
  const Environment environment(get);
  for (const Names& names : kNames) {
    if (!environment.has(names.size) || !environment.has(names.rank)) continue;
    Launch launch;
    launch.launcher = names.launcher;
    launch.size = environment.number(names.size, kMostRanks, 1);
    launch.rank = environment.number(names.rank, kMostRanks, 0);
    launch.local_rank = environment.number(names.local_rank, kMostRanks, 0);
    launch.local_size = environment.leading_number(names.local_size);
    if (launch.rank >= launch.size) {
      fail_usage("the environment says ", names.rank, "=", launch.rank, " of ", names.size, "=",
                 launch.size);
    }
    launch.master_address = environment.text("MASTER_ADDR");
    launch.master_port = environment.number("MASTER_PORT", 1 << 16, 0);
    return launch;
  }
  return {};
}

Launch read_launch() {
  return read_launch([](const char* name) -> const char* { return std::getenv(name); });
}

}  // namespace pals
