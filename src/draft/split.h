// One data file made two: rows to learn from, and rows to score by.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"

namespace pals {

struct SplitRules {
  double dev_fraction = 0.0;  ///< of the rows, at most a half; 0: nothing is split
  uint64_t seed = 42;
};

struct SplitFile {
  std::string train, dev;  ///< contents of the two files
  int64_t train_rows = 0, dev_rows = 0;
  int64_t faulty_rows = 0;  ///< that are neither, because they cannot be read or learned
};

/// Splits the training file of a task (`described` as in a task file, with paths as they are). Rows
/// stay as they stand in the file, in their order; a header goes to both. Rows of one text (letter
/// case, white space and ASCII punctuation aside) stay together, and classes keep their shares as
/// near as that allows. What cannot be read as a row stays with the row before. The same file,
/// rules and task give the same split. Throws Error for SQuAD's JSON, for a file that cannot be
/// read, and for one with too few rows.
SplitFile split_file(const Json& described, const SplitRules& rules);

}  // namespace pals
