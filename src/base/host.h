// The machine that timings were taken on.
#pragma once

#include <cstdint>
#include <string>

namespace pals::bench {

/// The widest of "amx_bf16", "avx512_bf16", "avx512", "avx2" that the matrix products can use here,
/// or "generic". ONEDNN_MAX_CPU_ISA lowers it as it lowers oneDNN.
std::string matrix_isa();

/// The processor's name as Linux reports it; empty if unknown.
std::string cpu_name();

/// The largest resident size of this process so far, in bytes.
int64_t peak_rss_bytes();

}  // namespace pals::bench
