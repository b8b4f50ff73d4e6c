// Fuzz target: any bytes as the name of a model and as a hub's answer: an Error, or names that stay
// in a folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/cache.h"
#include "hub/listing.h"
#include "hub/model_name.h"

namespace {

void check(std::string_view name) {
  const std::string path = "/" + std::string(name) + "/";
  if (name.empty() || path.find("/../") != path.npos || path.find("/./") != path.npos ||
      path.find("//") != path.npos || path.find('\0') != path.npos) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const pals::ModelName name = pals::parse_model_name("hf://" + std::string(bytes));
    check(name.folder());
    check(name.revision);
    if (name.folder().find('/') != std::string::npos) std::abort();
    if (pals::parse_model_name(name.text()).text() != name.text()) std::abort();
  } catch (const pals::UsageError&) {
  }
  pals::name_of_snapshot(std::string(bytes));
  try {
    const pals::ModelListing listing = pals::parse_listing(bytes, "fuzz");
    if (!pals::is_commit(listing.commit)) std::abort();
    for (const std::string& name : listing.names) check(name);
    for (const std::string& name : pals::wanted_files(listing.names, "fuzz")) check(name);
  } catch (const pals::Error&) {
  }
  return 0;
}
