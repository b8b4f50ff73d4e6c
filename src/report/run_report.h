// report.html: what a run did and how well, on one page.
#pragma once

#include <string>

#include "report/run_data.h"

namespace pals {

/// The page of a run.
std::string run_page(const RunData& run);

/// Reads a run's folder and writes its page into it, whole or not at all. Throws Error.
void write_run_report(const std::string& folder);

}  // namespace pals
