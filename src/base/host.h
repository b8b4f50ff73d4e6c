// The machine that this process runs on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pals {

/// The widest of "amx_bf16", "avx512_bf16", "avx512", "avx2" that the matrix products can use here,
/// or "generic". ONEDNN_MAX_CPU_ISA lowers it as it lowers oneDNN.
std::string matrix_isa();

/// The machine's name in its network.
std::string host_name();

/// The processor's name as Linux reports it; empty if unknown.
std::string cpu_name();

/// How much memory the system could give to processes now, in bytes; 0 if it does not say.
int64_t available_memory_bytes();

/// The arguments of this process, the program's name first; empty where the system does not tell.
std::vector<std::string> command_line();

/// The resident size of this process, in bytes; 0 if the system does not say.
int64_t rss_bytes();

/// The largest one so far.
int64_t peak_rss_bytes();

/// How much memory a piece of work takes at its peak, beyond what the process had when the probe
/// was made. Making it gives freed memory back to the system and sets the process's own peak to
/// its present size.
class MemoryProbe {
 public:
  MemoryProbe();
  /// Bytes; 0 where the system does not let a peak be set back.
  int64_t peak_bytes() const;

 private:
  int64_t start_ = 0;
  bool works_ = false;
};

}  // namespace pals
