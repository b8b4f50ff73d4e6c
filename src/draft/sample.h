// The first rows of a data file, as columns, whatever its format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// As many rows are looked at.
inline constexpr size_t kSampleRows = 10000;

/// What a column's fields are.
enum class FieldKind {
  kText,      ///< texts, numbers, truth values
  kTextList,  ///< lists of strings or whole numbers
  kSpanList,  ///< lists of [start, end, label] or {"start": ..., "end": ..., "label": ...}
  kMixed      ///< neither, or not in each row
};

struct SampleColumn {
  std::string name;  ///< in the header, or the key; empty: no header
  FieldKind kind = FieldKind::kText;
  std::vector<std::string> values;              ///< of kText
  std::vector<std::vector<std::string>> lists;  ///< of kTextList
};

/// A table's first rows. Of SQuAD's JSON and CoNLL's files there are no columns.
struct Sample {
  std::string path;
  FileFormat format = FileFormat::kTsv;
  bool format_named = true;  ///< the file's name tells the format
  bool header = false;
  bool header_sure = true;
  std::vector<SampleColumn> columns;
  size_t rows = 0;
  size_t other_widths = 0;    ///< rows of another number of columns, which are left out
  bool unanswerable = false;  ///< SQuAD: a question has no answer
};

/// Looks at a file. Throws Error for one that cannot be read, that is in none of the formats, and
/// as readers of the format do.
Sample read_sample(const std::string& path);

}  // namespace pals
