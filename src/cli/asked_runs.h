// Folders of several runs that one command has asked for: what they have in common is noted there.
#pragma once

#include <string>

#include "base/json.h"

namespace pals {

/// UsageError if `folder` holds runs that were asked for with other options than these, which its
/// file `name` says. Touches nothing.
void check_asked(const std::string& folder, const char* name, const Json& asked);

/// Makes the folder, and notes there what is asked of its runs.
void note_asked(const std::string& folder, const char* name, const Json& asked);

}  // namespace pals
