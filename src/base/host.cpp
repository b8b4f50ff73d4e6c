#include "base/host.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/cpu.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kOwnStatus = "/proc/self/status";
constexpr std::array<const char*, 5> kLevels = {"generic", "avx2", "avx512", "avx512_bf16",
                                                "amx_bf16"};

size_t hardware_level() {
  const CpuFeatures& cpu = cpu_features();
  if (cpu.amx_bf16) return 4;
  if (cpu.avx512_bf16) return 3;
  if (cpu.avx512) return 2;
  return cpu.avx2 ? 1 : 0;
}

/// The level that oneDNN's own variable allows; its names are longer and finer than ours.
size_t allowed_level() {
  const char* value = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (value == nullptr) return kLevels.size() - 1;
  const std::string name = ascii_lower(value);
  const auto begins_with = [&](std::string_view start) { return name.rfind(start, 0) == 0; };
  if (begins_with("sse")) return 0;
  if (begins_with("avx512_core_bf16") || begins_with("avx512_core_fp16")) return 3;
  if (begins_with("avx512_core_amx") || begins_with("avx10") || name == "default") return 4;
  if (begins_with("avx512")) return 2;
  return begins_with("avx") ? 1 : kLevels.size() - 1;
}

/// A line such as "VmHWM:  320596 kB" of a file below /proc, in bytes; 0 if there is none.
int64_t proc_bytes(const char* file, std::string_view key) {
  std::ifstream status(file);
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(key, 0) != 0) continue;
    const std::string_view value = trim(std::string_view(line).substr(key.size()));
    return parse_int(value.substr(0, value.find(' '))).value_or(0) * 1024;
  }
  return 0;
}

}  // namespace

std::string matrix_isa() { return kLevels.at(std::min(hardware_level(), allowed_level())); }

int64_t available_memory_bytes() { return proc_bytes("/proc/meminfo", "MemAvailable:"); }

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  std::string argument;
  while (std::getline(file, argument, '\0')) arguments.push_back(argument);
  return arguments;
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return std::string(trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return "";
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

int64_t rss_bytes() { return proc_bytes(kOwnStatus, "VmRSS:"); }

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

MemoryProbe::MemoryProbe() {
  malloc_trim(0);
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5";  // sets VmHWM to the present size (Linux 4.0)
  clear.close();
  start_ = rss_bytes();
  works_ = clear.good() && start_ > 0;
}

int64_t MemoryProbe::peak_bytes() const {
  return works_ ? std::max<int64_t>(0, proc_bytes(kOwnStatus, "VmHWM:") - start_) : 0;
}

}  // namespace pals
