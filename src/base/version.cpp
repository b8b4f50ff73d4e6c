#include "base/version.h"

namespace pals {

const char* version() { return PALS_VERSION; }

}  // namespace pals
