#define PALS_ISA_NAME avx512_bf16
#define PALS_ISA_TABLE kAvx512Bf16Kernels
#define PALS_ISA_TEXT "avx512_bf16"
#include "nn/isa/kernels.h"
