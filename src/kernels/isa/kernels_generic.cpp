#define PALS_ISA_NAME generic
#define PALS_ISA_KERNELS kGenericKernels
#define PALS_ISA_TEXT "generic"
#include "kernels/isa/kernels.h"
