#include <pals/memory.h>

#include "kernels/tensor_memory.h"

namespace pals::api {

void keep_tensor_memory() { pals::keep_tensor_memory(); }

}  // namespace pals::api
