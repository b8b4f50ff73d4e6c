#include "base/library_places.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

namespace pals {
namespace {

// Of the program or the shared object that this code is part of.
std::filesystem::path own_folder() {
  Dl_info info{};
  link_map* object = nullptr;
  void* details = nullptr;
  if (dladdr1(reinterpret_cast<void*>(&library_places), &info, &details, RTLD_DL_LINKMAP) != 0) {
    object = static_cast<link_map*>(details);
  }
  std::error_code error;
  // The program itself has no name there.
  if (object == nullptr || object->l_name == nullptr || *object->l_name == '\0') {
    return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  }
  return std::filesystem::absolute(object->l_name, error).parent_path();
}

}  // namespace

std::vector<std::string> library_places(const std::string& name) {
  const std::filesystem::path folder = own_folder(), above = folder.parent_path();
  return {(folder / name).string(), (above / "lib" / "pals" / name).string(),
          (above / name).string()};
}

}  // namespace pals
