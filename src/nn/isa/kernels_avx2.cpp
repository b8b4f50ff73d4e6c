#define PALS_ISA_NAME avx2
#define PALS_ISA_TABLE kAvx2Kernels
#define PALS_ISA_TEXT "avx2"
#include "nn/isa/kernels.h"
