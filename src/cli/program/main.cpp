// The program `pals`.
#include "base/allocation.h"
#include "cli/commands.h"
#include "kernels/tensor_memory.h"

int main(int argc, char** argv) {
  pals::keep_freed_pages();
  pals::keep_tensor_memory();
  return pals::run_program(argc, argv);
}
