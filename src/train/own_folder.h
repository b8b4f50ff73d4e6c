// Whether a folder may be a run's: what lies there must not be somebody else's.
#pragma once

#include <string>

namespace pals {

/// Throws UsageError for the root, a home folder, and a folder with files but without a run.
void refuse_foreign_folder(const std::string& folder);

/// The same of a folder that is for runs, which is known by a file of the name `mark` ("/name").
void refuse_foreign_folder(const std::string& folder, bool is_own, const std::string& mark);

}  // namespace pals
