// A single task without a task file: SQuAD's and SWAG's layouts by flags alone.
#pragma once

#include <string>

#include "tasks/task.h"

namespace pals {

/// The task of one of kinds_of_flags() with files of the usual layouts: SQuAD's JSON, SWAG's CSV,
/// or JSONL with the keys context, choices (a list) and label. `name` may be empty: squad or swag.
/// `settings` are the kind's (span: SpanOptions). UsageError for other kinds, without a file, and
/// as parse_task.
Task make_single_task(TaskKind kind, const std::string& name, const std::string& train_file,
                      const std::string& dev_file, const KindSettings& settings);

/// The same task, squad or swag, without files. UsageError for other kinds.
Task make_task_of_kind(TaskKind kind, const KindSettings& settings);

}  // namespace pals
