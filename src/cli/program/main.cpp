// The program `pals`.
#include <malloc.h>

#include "cli/commands.h"

int main(int argc, char** argv) {
  // Activations come and go with every layer: keep their pages instead of mapping fresh ones.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
  return pals::run_program(argc, argv);
}
