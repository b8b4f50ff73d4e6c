// JSONL: one JSON object a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/rows.h"

namespace pals {

/// Rows of a JSONL file: the values of `keys`, in that order. Strings are taken as they are;
/// numbers and true or false by their JSON text (labels are often numbers). Lines of white space
/// are no rows. A line that is no object, a missing key, and null, lists and objects as values are
/// errors.
class JsonlReader : public RowReader {
 public:
  JsonlReader(std::string_view bytes, std::string where, std::vector<std::string> keys);
  bool next(std::vector<std::string_view>& fields) override;
  int64_t line() const override { return lines_.line(); }

 private:
  LineReader lines_;
  std::vector<std::string> keys_;
  std::vector<std::string> values_;
};

}  // namespace pals
