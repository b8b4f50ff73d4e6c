#include "dist/load_mpi.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/library_places.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kLibrary = "libpals_mpi.so";

// What dlopen said of the last failure.
std::string reason() {
  const char* text = dlerror();
  return text != nullptr ? text : "unknown error";
}

bool may_be_there(const std::string& file) {
  return file.find('/') == std::string::npos || file_exists(file);
}

std::vector<std::string> usual_files() {
  const char* named = std::getenv("PALS_MPI_LIBRARY");
  if (named != nullptr && *named != '\0') return {named};
  std::vector<std::string> files = library_places(kLibrary);
  files.emplace_back(kLibrary);  // of a program that is linked with the installed library
  return files;
}

}  // namespace

LoadedMpi load_mpi(const std::vector<std::string>& files) {
  const auto file = std::find_if(files.begin(), files.end(), may_be_there);
  if (file == files.end()) return {nullptr, concat("there is no ", join(files, ", and no "))};
  // Open MPI's own plug-ins take its symbols from what is loaded, which is why it is global.
  void* handle = dlopen(file->c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    const std::string why = reason();
    if (why.starts_with(kLibrary)) {
      return {nullptr,
              "this pals was built without MPI: install libopenmpi-dev and openmpi-bin, and build "
              "again"};
    }
    return {nullptr, concat("MPI does not load (", why, "): install openmpi-bin, or the MPI that ",
                            kLibrary, " was built with")};
  }
  const auto entry = reinterpret_cast<MpiEntry>(dlsym(handle, "pals_mpi_calls"));
  const MpiCalls* calls = entry == nullptr ? nullptr : entry();
  if (calls == nullptr || calls->layout != kMpiLayout) {
    return {nullptr, concat(*file, " is not the part for MPI of this version of pals")};
  }
  return {calls, ""};
}

const LoadedMpi& loaded_mpi() {
  static const LoadedMpi once = load_mpi(usual_files());
  return once;
}

std::string mpi_library() {
  const MpiCalls* calls = loaded_mpi().calls;
  if (calls == nullptr) return "";
  std::string text(kMpiText, '\0');
  calls->library(text.data());
  const std::string library = text.c_str();
  return library.substr(0, library.find_first_of(",\n"));
}

void check_mpi(int status, const char* call) {
  if (status == 0) return;
  std::string text(kMpiText, '\0');
  loaded_mpi().calls->error_text(status, text.data());
  fail(call, ": ", text.c_str());
}

}  // namespace pals
