#include <pals/local_model.h>

#include "api/rethrow.h"
#include "hub/fetch.h"

namespace pals::api {

std::string local_model(const std::string& path_or_name) {
  return rethrown([&] { return pals::local_model(path_or_name); });
}

}  // namespace pals::api
