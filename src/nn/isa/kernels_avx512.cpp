#define PALS_ISA_NAME avx512
#define PALS_ISA_TABLE kAvx512Kernels
#define PALS_ISA_TEXT "avx512"
#include "nn/isa/kernels.h"
