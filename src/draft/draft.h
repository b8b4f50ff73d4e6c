// A task file for data files that somebody has.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace pals {

struct DraftedTasks {
  OrderedJson document;             ///< {"tasks": [...]}
  std::vector<std::string> made;    ///< a line for each task: its name, kind, columns and files
  std::vector<std::string> doubts;  ///< what a person should look at, a line each
};

/// Looks at data files (TSV, CSV, JSONL, CoNLL, SQuAD's JSON; also compressed) and describes the
/// tasks that they most likely are of. Paths are written relative to `folder`. UsageError without
/// files; Error for a file that cannot be read, that looks like no task, or that goes with no
/// training file.
DraftedTasks draft_tasks(const std::vector<std::string>& paths, const std::string& folder);

}  // namespace pals
