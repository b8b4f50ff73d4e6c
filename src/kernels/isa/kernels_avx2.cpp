#define PALS_ISA_NAME avx2
#define PALS_ISA_KERNELS kAvx2Kernels
#define PALS_ISA_TEXT "avx2"
#include "kernels/isa/kernels.h"
