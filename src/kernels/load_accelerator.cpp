#include "kernels/load_accelerator.h"

#include <dlfcn.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/library_places.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kLibrary = "libpals_cuda.so";

// What dlopen said of the last failure.
std::string reason() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown error";
}

}  // namespace

AcceleratorFiles usual_accelerator_files() {
  AcceleratorFiles files;
  files.libraries = library_places(kLibrary);
  return files;
}

LoadedAccelerator load_accelerator(const AcceleratorFiles& files) {
  const auto library = std::ranges::find_if(files.libraries, file_exists);
  if (library == files.libraries.end()) {
    return {nullptr, concat("this pals was built without ", kLibrary, ": there is no ",
                            join(files.libraries, ", and no "))};
  }
  if (dlopen(files.driver.c_str(), RTLD_LAZY) == nullptr) {
    return {nullptr, concat("no NVIDIA driver: ", reason())};
  }
  // Its symbols must be there for the library, which is why it is global.
  if (dlopen(files.torch.c_str(), RTLD_LAZY | RTLD_GLOBAL) == nullptr) {
    return {nullptr, concat("LibTorch's part for GPUs does not load (the whole torch wheel has ",
                            "it): ", reason())};
  }
  void* handle = dlopen(library->c_str(), RTLD_NOW);
  if (handle == nullptr) return {nullptr, concat("the library does not load: ", reason())};
  const auto entry = reinterpret_cast<AcceleratorEntry>(dlsym(handle, "pals_accelerator"));
  if (entry == nullptr) return {nullptr, concat("not a library of pals: ", reason())};
  return {entry(), ""};
}

}  // namespace pals
