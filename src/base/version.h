// The version of this program.
#pragma once

namespace pals {

/// As in the build's project(), such as "0.1.0".
const char* version();

}  // namespace pals
