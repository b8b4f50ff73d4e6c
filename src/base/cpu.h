// What this machine's processor can do, asked once.
#pragma once

namespace pals {

struct CpuFeatures {
  bool avx2 = false;         ///< with FMA, BMI and BMI2
  bool avx512 = false;       ///< F, BW, DQ, VL and CD, with all of avx2
  bool avx512_vnni = false;  ///< with all of avx512; so are the next ones
  bool avx512_bf16 = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
  bool intel = false;  ///< the maker
};

const CpuFeatures& cpu_features();

}  // namespace pals
