#define PALS_ISA_NAME avx512
#define PALS_ISA_KERNELS kAvx512Kernels
#define PALS_ISA_TEXT "avx512"
#include "kernels/isa/kernels.h"
