// Everything that the commands which show runs can be told. Field names are the flags'.
#pragma once

#include <string>
#include <vector>

#include "options/option.h"

namespace pals {

struct ReportOptions {
  std::vector<std::string> runs;  ///< folders, no flags
  std::string output;             ///< empty: report.html in the only run
  bool json = false;
};

/// One row for each, which fills `options` (it must outlive the rows); without the runs.
OptionList options_of(ReportOptions& options);

}  // namespace pals
