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

/// Where at most one of so many values or tags is unlike the others, it is an exception to them.
inline constexpr size_t kValuesPerException = 10;

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
  size_t lacking = 0;                           ///< JSONL: objects without this key
  std::string fault;         ///< JSONL: what is wrong with the first that lacks it, as readers say
  size_t unlike = 0;         ///< JSONL: objects with another kind of value than most have
  std::string unlike_fault;  ///< the first of these
};

/// A table's first rows. Objects of JSONL that lack a key which nearly all have, or have
/// another kind of value there than nearly all, are none of them.
/// Of SQuAD's JSON and CoNLL's files there are no columns.
struct Sample {
  std::string path;
  FileFormat format = FileFormat::kTsv;
  bool format_named = true;  ///< the file's name tells the format
  bool header = false;
  bool header_sure = true;
  std::vector<SampleColumn> columns;
  size_t rows = 0;
  std::vector<int64_t> lines;  ///< on which each row begins, from 1; none without columns
  size_t left_out = 0;         ///< rows that cannot be read, or are of another width
  std::string first_fault;     ///< of these
  bool unanswerable = false;   ///< SQuAD: a question has no answer
};

/// Looks at a file. Throws Error for one that cannot be read, that is in none of the formats or has
/// a name twice in its header, for rows of many widths, and as readers of the format do.
Sample read_sample(const std::string& path);

}  // namespace pals
