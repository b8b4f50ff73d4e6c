#include "dist/local_start.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#ifdef PALS_MPI
#include "dist/mpi.h"
#endif

namespace pals {

#ifndef PALS_MPI

bool can_start_processes() { return false; }

void restart_under_mpirun(int ranks) { fail_usage("--nproc ", ranks, kNoMpi); }

#else

bool can_start_processes() {
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    if (access(concat(folder, "/mpirun").c_str(), X_OK) == 0) return true;
  }
  return false;
}

void restart_under_mpirun(int ranks) {
  std::vector<std::string> command = {"mpirun", "-np", std::to_string(ranks)};
#ifdef OMPI_MAJOR_VERSION
  // Stopped by Ctrl-C, ranks have a minute to write a checkpoint.
  command.insert(command.end(), {"--bind-to", "none", "--oversubscribe", "--mca",
                                 "odls_base_sigkill_timeout", "60"});
  if (geteuid() == 0) command.emplace_back("--allow-run-as-root");
#endif
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string argument;
  command.push_back(std::filesystem::read_symlink("/proc/self/exe"));
  std::getline(file, argument, '\0');  // the name it was called by
  while (std::getline(file, argument, '\0')) command.push_back(argument);
  if (const int port = free_port(); port != 0) {
    setenv("MASTER_ADDR", "127.0.0.1", 1);
    setenv("MASTER_PORT", std::to_string(port).c_str(), 1);
  }
  std::vector<char*> pointers;
  for (std::string& word : command) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execvp(pointers.front(), pointers.data());
  fail("--nproc ", ranks, ": cannot start mpirun: ", std::strerror(errno),
       "; install openmpi-bin, or the one of the MPI that pals was built with");
}

#endif

int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found =
      bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0;
  close(descriptor);
  return found ? ntohs(address.sin_port) : 0;
}

void undo_default_binding() {
  const auto set = [](const char* name) { return std::getenv(name) != nullptr; };
  if (!set("OMPI_MCA_orte_bound_at_launch") || set("OMPI_MCA_hwloc_base_binding_policy") ||
      set("OMPI_MCA_rmaps_base_mapping_policy")) {
    return;
  }
  cpu_set_t all;
  std::memset(&all, 0xff, sizeof all);
  sched_setaffinity(0, sizeof all, &all);
}

}  // namespace pals
