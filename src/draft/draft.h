// A task file for data files that somebody has.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "draft/split.h"

namespace pals {

/// A file that belongs to a draft.
struct NewFile {
  std::string path, bytes;
};

struct DraftedTasks {
  OrderedJson document;             ///< {"tasks": [...]}
  std::vector<std::string> made;    ///< a line for each task: its name, kind, columns and files
  std::vector<std::string> doubts;  ///< what a person should look at, a line each
  std::vector<NewFile> files;       ///< that the tasks name and that are to be written
};

/// Throws UsageError without files, and Error for one that is missing, a folder, or cannot be
/// opened.
void require_data_files(const std::vector<std::string>& paths);

/// Looks at data files (TSV, CSV, JSONL, CoNLL, SQuAD's JSON; also compressed) and describes the
/// tasks that they most likely are of. Paths are written relative to `folder`. The training files
/// of tasks without a dev file are split by the rules, into NAME.train.EXT and NAME.dev.EXT in the
/// folder. UsageError without files, and for several training files to split; Error for a file that
/// cannot be read, that looks like no task, or that goes with no training file, and as
/// split_file().
DraftedTasks draft_tasks(const std::vector<std::string>& paths, const std::string& folder,
                         const SplitRules& rules = {});

}  // namespace pals
