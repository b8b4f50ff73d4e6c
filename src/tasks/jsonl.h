// JSONL: one JSON object a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tasks/rows.h"

namespace pals {

/// The object of one line; `where` is "file:line". Throws Error that begins with it.
Json parse_json_line(std::string_view line, const std::string& where);

/// The value of a key of it, which must be there: Error that names the keys that are.
const Json& value_at(const Json& object, const std::string& key, const std::string& where);

/// The values of some keys out of one line. Strings are taken as they are; numbers and true or
/// false by their JSON text (labels are often numbers). A line that is no object, a missing key,
/// null, lists and objects as values, and a list that is none or holds other than strings are
/// errors.
class JsonlFields {
 public:
  explicit JsonlFields(JsonlKeys keys) : keys_(std::move(keys)) {}

  /// The views last until the next call, and as long as `line`, which must be UTF-8; it is line
  /// `number` of the file `where`. Throws Error that begins with both.
  void read(std::string_view line, const std::string& where, int64_t number,
            std::vector<std::string_view>& fields);

 private:
  bool read_flat(std::string_view line, std::vector<std::string_view>& fields);
  void parse(std::string_view line, const std::string& where,
             std::vector<std::string_view>& fields);

  JsonlKeys keys_;
  std::vector<std::string> values_;
  std::string unescaped_;
  std::vector<std::pair<std::string_view, std::string_view>> entries_;
};

/// Rows of a JSONL file.
class JsonlReader : public RowReader {
 public:
  JsonlReader(std::string_view bytes, std::string where, JsonlKeys keys)
      : lines_(bytes, std::move(where)), fields_(std::move(keys)) {}
  bool next(std::vector<std::string_view>& fields) override;
  int64_t line() const override { return lines_.line(); }
  bool blank() const override { return blank_; }

 private:
  LineReader lines_;
  JsonlFields fields_;
  bool blank_ = false;
};

}  // namespace pals
