// What the files of kinds share that read rows of texts with a label.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"
#include "tasks/text_rows.h"

namespace pals {

/// Where the row in hand stands, for errors about its content.
class RowPlace {
 public:
  RowPlace(const TextRowReader& rows, const DataFile& file) : rows_(rows), file_(file) {}

  std::string position() const { return rows_.position(); }
  /// To stand at the end of errors about labels: a question, if the row could be a header.
  std::string header_hint() const;

 private:
  const TextRowReader& rows_;
  const DataFile& file_;
};

/// The targets of a labelled row; it may look at all of the row.
using TargetsOf = std::function<std::vector<float>(const TextRow& row, const RowPlace& place)>;

/// Looks at each row before its targets.
using CheckRow = std::function<void(const TextRow& row, const RowPlace& place)>;

/// The texts and choices of all rows; with targets where the file has labels. Throws Error as
/// TextRowReader does, and for a file without rows.
ExampleSet read_rows(const DataFile& file, std::string_view bytes, const std::string& where,
                     const TargetsOf& targets_of, const CheckRow& check = nullptr);

/// The distinct labels of a file's rows: ascending if all are whole numbers, else sorted bytewise.
/// Throws Error as read_rows does, for an empty label, and past 1,000 different ones.
std::vector<std::string> labels_in_rows(const Task& task, const DataFile& file,
                                        std::string_view bytes, const std::string& where);

/// The value of the key "labels": 2 to 10,000 different ones. UsageError for anything else.
std::vector<std::string> labels_from_json(const Json& value, const std::string& where);

}  // namespace pals
