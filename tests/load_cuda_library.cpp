// Loads libpals_cuda.so as the program does, and asks it for devices. Exit status 77: LibTorch's
// part for GPUs, on which it stands, does not load here.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "kernels/accelerator.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: load_cuda_library LIBRARY\n", stderr);
    return EXIT_FAILURE;
  }
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::printf("libtorch_cuda.so does not load: %s\n", dlerror());
    return 77;
  }
  void* library = dlopen(argv[1], RTLD_NOW);
  if (library == nullptr) {
    std::printf("%s does not load: %s\n", argv[1], dlerror());
    return EXIT_FAILURE;
  }
  const auto entry = reinterpret_cast<pals::AcceleratorEntry>(dlsym(library, "pals_accelerator"));
  if (entry == nullptr) {
    std::printf("no entry: %s\n", dlerror());
    return EXIT_FAILURE;
  }
  const pals::Accelerator* accelerator = entry();
  const int devices = accelerator->device_count();
  std::printf("%d devices\n", devices);
  for (int i = 0; i < devices; ++i) {
    const pals::AcceleratorInfo info = accelerator->info(i);
    std::printf("%s, %lld bytes free of %lld\n", info.name.c_str(),
                static_cast<long long>(info.free_memory),
                static_cast<long long>(info.total_memory));
  }
  const bool right = devices >= 0 && accelerator->type() == c10::DeviceType::CUDA &&
                     accelerator->backend().attention_forward != nullptr;
  return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
