// How long a task's rows are, and how many are cut.
#pragma once

#include "check/problems.h"
#include "check/texts.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// What rows are measured by.
struct LengthRules {
  const Tokenizer* tokenizer = nullptr;  ///< null: words and marks of punctuation are counted
  int max_seq_length = 128;              ///< tokens of a row, special ones included
  int threads = 0;
};

/// Warns of files whose texts are cut, with how long they are. Kinds that cut long texts into
/// several rows have none.
void check_lengths(const Task& task, const TaskTexts& texts, const LengthRules& rules,
                   ProblemList& problems);

/// Warns of answers of a span task that do not stand where they should: training leaves such
/// questions out. Needs a tokenizer.
void check_answers(const Task& task, const CheckedFile& checked, const LengthRules& rules,
                   ProblemList& problems);

}  // namespace pals
