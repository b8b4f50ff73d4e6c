// What the columns of a table hold, and which of them are texts and labels.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "draft/sample.h"

namespace pals {

/// What the values of a column of texts have in common.
struct ColumnFacts {
  size_t rows = 0, distinct = 0;
  double words = 0.0;     ///< of a value, on average
  bool numbers = false;   ///< all values that are not empty
  bool whole = false;     ///< all of them whole numbers
  bool bits = false;      ///< all values 0 or 1
  double largest = 0.0;   ///< of numbers, without sign
  size_t marks = 0;       ///< values that mean that there is none: "", "-", "nan", ...
  std::string separator;  ///< between several labels of a value, if the values look so
};

ColumnFacts facts_of(const SampleColumn& column);

/// Whether a value is what data sets write where there is no label.
bool is_no_label_mark(const std::string& value);

/// Columns by their number.
struct Roles {
  std::vector<size_t> texts;          ///< one or two
  std::optional<size_t> label;        ///< nothing where label_columns or lists hold them
  std::vector<size_t> label_columns;  ///< of 0 and 1, several labels
  std::vector<size_t> choices;        ///< of a question, a column each
  std::vector<std::string> doubts;    ///< for the user
};

/// Finds texts and label by names and contents. Throws Error, which begins with the sample's path,
/// if there are none.
Roles find_roles(const Sample& sample);

/// The texts of a sample whose other columns are known: one or two. Throws Error if there are none.
std::vector<size_t> find_texts(const Sample& sample, const std::vector<size_t>& others,
                               std::vector<std::string>& doubts);

/// How a person would name a column: its name in quotes, or "column 3" (counted from 0).
std::string column_text(const Sample& sample, size_t column);

}  // namespace pals
