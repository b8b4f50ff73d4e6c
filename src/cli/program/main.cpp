// The program `pals`.
#include "base/allocation.h"
#include "cli/commands.h"

int main(int argc, char** argv) {
  pals::keep_freed_pages();
  return pals::run_program(argc, argv);
}
