// The scheme of a file's tags.
#pragma once

#include <string>

#include "base/json.h"
#include "eval/entities.h"

namespace pals {

struct FoundScheme {
  TagScheme scheme = TagScheme::kPlain;
  std::string doubt;  ///< which tags do not fit it, for the user; empty: all fit
};

/// The scheme that nearly all tags of a training file fit. `described` is its task as far as it is
/// known, without a scheme. Throws Error as the kind's reader does.
FoundScheme find_scheme(Json described, const std::string& path);

}  // namespace pals
