// What the commands that put model folders together can be told. Field names are the flags'.
#pragma once

#include <string>
#include <vector>

#include "options/option.h"

namespace pals {

struct RemoveTaskOptions {
  std::string model, tasks, output;
  bool overwrite = false;
};

struct MergeTasksOptions {
  std::vector<std::string> folders;  ///< no flag
  std::string output;
  bool overwrite = false;
};

/// One row for each, which fills `options` (it must outlive the rows).
OptionList options_of(RemoveTaskOptions& options);
OptionList options_of(MergeTasksOptions& options);

}  // namespace pals
