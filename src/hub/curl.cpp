#include "hub/curl.h"

#include <dlfcn.h>

#include "base/error.h"

namespace pals {
namespace {

// With OpenSSL or whatever the system's own is; with GnuTLS, as Debian names it.
constexpr const char* kLibraries[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

CurlCalls load_any() {
  for (const char* name : kLibraries) {
    CurlCalls calls = load_curl(name);
    if (calls.easy_init != nullptr && calls.global_init(kCurlGlobalAll) == kCurlOk) return calls;
  }
  fail("models by name (hf://) need libcurl, and there is no ", kLibraries[0],
       ": install it (Debian, Ubuntu: libcurl4; Fedora: libcurl), or give the model's folder");
}

}  // namespace

CurlCalls load_curl(const std::string& file) {
  CurlCalls calls;
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {};
  const bool whole = find(library, "curl_global_init", calls.global_init) &&
                     find(library, "curl_easy_init", calls.easy_init) &&
                     find(library, "curl_easy_setopt", calls.easy_setopt) &&
                     find(library, "curl_easy_getinfo", calls.easy_getinfo) &&
                     find(library, "curl_easy_perform", calls.easy_perform) &&
                     find(library, "curl_easy_reset", calls.easy_reset) &&
                     find(library, "curl_easy_cleanup", calls.easy_cleanup) &&
                     find(library, "curl_easy_strerror", calls.easy_strerror) &&
                     find(library, "curl_slist_append", calls.slist_append) &&
                     find(library, "curl_slist_free_all", calls.slist_free_all);
  return whole ? calls : CurlCalls();
}

const CurlCalls& curl() {
  static const CurlCalls once = load_any();
  return once;
}

}  // namespace pals
