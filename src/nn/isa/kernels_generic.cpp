#define PALS_ISA_NAME generic
#define PALS_ISA_TABLE kGenericKernels
#define PALS_ISA_TEXT "generic"
#include "nn/isa/kernels.h"
