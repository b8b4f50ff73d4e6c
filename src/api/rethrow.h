// From the program's exceptions to the library's.
#pragma once

#include <pals/error.h>

#include "base/error.h"

namespace pals::api {

/// Runs `work`; what the rooms throw of it becomes what <pals/error.h> has.
template <typename Work>
auto rethrown(const Work& work) {
  try {
    return work();
  } catch (const pals::UsageError& error) {
    throw UsageError(error.what());
  } catch (const pals::Error& error) {
    throw Error(error.what());
  }
}

}  // namespace pals::api
