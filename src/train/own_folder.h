// Whether a folder may be a run's: what lies there must not be somebody else's.
#pragma once

#include <string>

namespace pals {

/// Throws UsageError for the root, a home folder, and a folder with files but without a run.
void refuse_foreign_folder(const std::string& folder);

}  // namespace pals
