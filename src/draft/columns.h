// What the columns of a table hold, and which of them are texts and labels.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "draft/numbers.h"
#include "draft/sample.h"

namespace pals {

/// What the values of a column of texts have in common.
struct ColumnFacts {
  size_t rows = 0, distinct = 0;
  double words = 0.0;              ///< of a value, on average
  bool numbers = false;            ///< all values that are not empty, but for exceptions
  bool whole = false;              ///< all these numbers are whole
  bool bits = false;               ///< all values 0 or 1
  size_t marks = 0;                ///< values that mean that there is none: "", "-", "nan", ...
  std::string separator;           ///< between several labels of a value, if the values look so
  std::vector<size_t> exceptions;  ///< rows whose value is no number, where nearly all are
  std::optional<DressedNumbers> dressed;  ///< most of what keeps a column from being of numbers
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

/// Whether columns can be given by their names; else by their numbers.
bool has_names(const Sample& sample);

/// A column as task files give it.
OrderedJson column_key(const Sample& sample, size_t column);

/// The different numbers of a column, each as it stands there first.
std::map<double, std::string> numbers_in(const SampleColumn& column);

}  // namespace pals
