#include "dist/local_start.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/signal.h"
#include "base/text_util.h"
#include "dist/load_mpi.h"

namespace pals {
namespace {

bool has_mpirun() {
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    if (access(concat(folder, "/mpirun").c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::vector<std::string> mpirun_command(int ranks, bool open_mpi) {
  std::vector<std::string> command = {"mpirun", "-np", std::to_string(ranks)};
  if (open_mpi) {
    command.insert(command.end(), {"--bind-to", "none", "--oversubscribe"});
    if (geteuid() == 0) command.emplace_back("--allow-run-as-root");
  }
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string argument;
  command.push_back(std::filesystem::read_symlink("/proc/self/exe"));
  std::getline(file, argument, '\0');  // the name it was called by
  while (std::getline(file, argument, '\0')) command.push_back(argument);
  return command;
}

// In the new process.
[[noreturn]] void become(char* const* command, pid_t parent) {
  // Ctrl-C reaches all processes of a terminal, and mpirun would end the ranks in a second: it
  // hears of it from the parent alone.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  sigprocmask(SIG_BLOCK, &interrupt, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == parent) execvp(command[0], command);
  _exit(EXIT_FAILURE);
}

// Of a process, when it has ended.
int await_status(pid_t process) {
  constexpr std::chrono::milliseconds kPause{20};
  bool told = false;
  int status = 0;
  while (waitpid(process, &status, WNOHANG) == 0) {
    if (stop_signal() != 0 && !told) {
      kill(process, SIGUSR1);
      told = true;
    }
    std::this_thread::sleep_for(kPause);
  }
  if (told && status != 0) return 128 + stop_signal();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool can_start_processes() { return loaded_mpi().calls != nullptr && has_mpirun(); }

int run_under_mpirun(int ranks) {
  const LoadedMpi& mpi = loaded_mpi();
  if (mpi.calls == nullptr) fail_usage("--nproc ", ranks, ": ", mpi.problem);
  if (!has_mpirun()) {
    fail("--nproc ", ranks, ": there is no mpirun in PATH; install openmpi-bin, or the one of the ",
         "MPI that pals was built with");
  }
  if (const int port = free_port(); port != 0) {
    setenv("MASTER_ADDR", "127.0.0.1", 1);
    setenv("MASTER_PORT", std::to_string(port).c_str(), 1);
  }
  std::vector<std::string> command = mpirun_command(ranks, mpi.calls->open_mpi != 0);
  std::vector<char*> pointers;
  for (std::string& word : command) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t parent = getpid(), process = fork();
  if (process < 0) fail("--nproc ", ranks, ": cannot start mpirun: ", std::strerror(errno));
  if (process == 0) become(pointers.data(), parent);
  return await_status(process);
}

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
