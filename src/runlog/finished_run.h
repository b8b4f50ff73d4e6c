// Whether a run is over.
#pragma once

#include <string>

namespace pals {

/// Whether a run's folder has results, and not those that a run which became longer had before.
/// Results that cannot be read count: whoever reads them says what is wrong.
bool is_finished_run(const std::string& folder);

}  // namespace pals
