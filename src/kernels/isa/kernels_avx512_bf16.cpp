#define PALS_ISA_NAME avx512_bf16
#define PALS_ISA_KERNELS kAvx512Bf16Kernels
#define PALS_ISA_TEXT "avx512_bf16"
#include "kernels/isa/kernels.h"
