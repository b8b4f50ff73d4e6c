// What the files of kinds share that read rows of texts with a label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "tasks/row_watch.h"
#include "tasks/task.h"
#include "tasks/text_rows.h"

namespace pals {

/// Where the row in hand stands, for errors about its content.
class RowPlace {
 public:
  RowPlace(const TextRowReader& rows, const DataFile& file) : rows_(rows), file_(file) {}

  std::string position() const { return rows_.position(); }
  int64_t line() const { return rows_.line(); }
  /// To stand at the end of errors about a label: a question, if the row could be a header, and
  /// what to do about rows without labels, if it looks like none.
  std::string hint(std::string_view label) const;

 private:
  const TextRowReader& rows_;
  const DataFile& file_;
};

/// The targets of a labelled row; it may look at all of the row.
using TargetsOf = std::function<std::vector<float>(const TextRow& row, const RowPlace& place)>;

/// Looks at each row before its targets.
using CheckRow = std::function<void(const TextRow& row, const RowPlace& place)>;

/// The texts and choices of all rows; with targets where the file has labels. Throws Error as
/// TextRowReader does, and for a file without rows. Errors of single rows go to `watch`, if there
/// is one.
ExampleSet read_rows(const DataFile& file, std::string_view bytes, const std::string& where,
                     const TargetsOf& targets_of, const CheckRow& check, RowWatch* watch);

/// A label without the decimals that a whole number needs not: "1" for "1.0".
std::string_view plain_label(std::string_view label);

/// The distinct labels of a file's rows, as merged_labels gives them. Throws Error as read_rows
/// does, for labels that mean that there is none, for a first row that looks like a header and
/// nobody said whether it is one, and past 1,000 different labels. All go to
/// `watch`, if there is one; the labels are then those of the other rows.
std::vector<std::string> labels_in_rows(const Task& task, const DataFile& file,
                                        std::string_view bytes, const std::string& where,
                                        RowWatch* watch);

/// Distinct labels: ascending if all are whole numbers, else sorted bytewise. Those that are the
/// same whole number are one: as a whole number if any label is written so, else the shortest.
std::vector<std::string> merged_labels(const std::vector<std::string>& labels);

/// The classes of a task's labels.
class LabelTable {
 public:
  explicit LabelTable(const std::vector<std::string>& labels);

  /// The class of a label: the one so written, or else one that is the same whole number.
  std::optional<size_t> find(std::string_view label) const;

 private:
  std::unordered_map<std::string, size_t> written_, plain_;
};

/// A label in lower case and without blanks, among them those that are none of ASCII and that
/// spreadsheets leave: labels that have this in common are probably one.
std::string folded_label(std::string_view label);

/// What is odd about labels that occur so often (in the order of `labels`): some that differ in
/// their case or blanks, or occur once.
std::vector<std::string> label_notes(const std::vector<std::string>& labels,
                                     const std::vector<int64_t>& counts);

/// The value of the key "labels": 2 to 10,000 different ones. UsageError for anything else.
std::vector<std::string> labels_from_json(const Json& value, const std::string& where);

}  // namespace pals
