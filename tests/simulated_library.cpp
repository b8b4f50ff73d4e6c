// The simulated device as a library that `pals` takes for the one for GPUs: end-to-end tests put it
// beside the program.
#include "simulated_device.h"

extern "C" __attribute__((visibility("default"))) pals::Accelerator* pals_accelerator() {
  return pals::testing::simulated_accelerator();
}
