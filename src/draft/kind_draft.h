// Which kind of task the files of a group are of, and in which columns texts and labels stand.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "draft/names.h"
#include "draft/sample.h"

namespace pals {

struct KindDraft {
  OrderedJson keys;                ///< of the task: kind, columns, settings
  std::vector<OrderedJson> files;  ///< what is particular to each file; an empty object: nothing
  std::string described;           ///< kind and columns in words
  std::vector<std::string> doubts;
};

/// `samples` are those of the group's files; the first is of training. Throws Error if they look
/// like no kind, or like different ones.
KindDraft draft_kind(const FileGroup& group, const std::vector<Sample>& samples);

}  // namespace pals
