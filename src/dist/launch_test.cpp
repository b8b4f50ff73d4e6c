#include "dist/launch.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace pals {
namespace {

Launch launch(const std::map<std::string, std::string>& variables) {
  return read_launch([&](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(Launch, AloneWithoutALauncher) {
  EXPECT_FALSE(launch({}).many());
  // A batch script of Slurm's, before srun.
  EXPECT_FALSE(launch({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).many());
  EXPECT_FALSE(launch({{"MASTER_ADDR", "somewhere"}, {"LOCAL_RANK", "1"}}).many());
}

TEST(Launch, ReadsEachLauncher) {
  const Launch open_mpi = launch({{"OMPI_COMM_WORLD_RANK", "3"},
                                  {"OMPI_COMM_WORLD_SIZE", "4"},
                                  {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(open_mpi.launcher, "mpirun");
  EXPECT_EQ(open_mpi.rank, 3);
  EXPECT_EQ(open_mpi.size, 4);
  EXPECT_EQ(open_mpi.local_rank, 1);
  EXPECT_EQ(open_mpi.local_size, 2);

  const Launch slurm = launch({{"SLURM_PROCID", "5"},
                               {"SLURM_STEP_NUM_TASKS", "8"},
                               {"SLURM_LOCALID", "1"},
                               {"SLURM_STEP_TASKS_PER_NODE", "2(x4)"}});
  EXPECT_EQ(slurm.launcher, "srun");
  EXPECT_EQ(slurm.rank, 5);
  EXPECT_EQ(slurm.local_size, 2);

  EXPECT_EQ(launch({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}).launcher, "mpiexec");
}

TEST(Launch, TorchrunBelowSrunComesFirst) {
  const Launch both = launch({{"RANK", "9"},
                              {"WORLD_SIZE", "16"},
                              {"LOCAL_RANK", "1"},
                              {"LOCAL_WORLD_SIZE", "8"},
                              {"MASTER_ADDR", "node1"},
                              {"MASTER_PORT", "29500"},
                              {"SLURM_PROCID", "1"},
                              {"SLURM_STEP_NUM_TASKS", "2"}});
  EXPECT_EQ(both.launcher, "torchrun");
  EXPECT_EQ(both.rank, 9);
  EXPECT_EQ(both.size, 16);
  EXPECT_EQ(both.master_address, "node1");
  EXPECT_EQ(both.master_port, 29500);
}

TEST(Launch, RefusesNonsense) {
  EXPECT_THROW(launch({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), UsageError);
  EXPECT_THROW(launch({{"RANK", "-1"}, {"WORLD_SIZE", "2"}}), UsageError);
  EXPECT_THROW(launch({{"RANK", "0"}, {"WORLD_SIZE", "two"}}), UsageError);
  EXPECT_THROW(launch({{"RANK", "0"}, {"WORLD_SIZE", "99999999999999999999"}}), UsageError);
  EXPECT_THROW(launch({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}), UsageError);
}

}  // namespace
}  // namespace pals
