#include "kinds/row_reading.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/json_values.h"

namespace pals {
namespace {

constexpr size_t kMostLabels = 10000;
constexpr size_t kMostCollectedLabels = 1000;

std::string label_of(const Json& value, const std::string& where) {
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  const std::string& label = string_of(value, "labels", where);
  if (label.empty() || trim(label) != label) {
    fail_usage(where, ": label ", quote(label),
               " is empty or has white space around it; labels are compared without it");
  }
  return label;
}

}  // namespace

std::string RowPlace::header_hint() const {
  const bool header = file_.header || file_.format == FileFormat::kJsonl;
  return rows_.line() == 1 && !header ? "; is line 1 a header? Then say so in the task file" : "";
}

ExampleSet read_rows(const DataFile& file, std::string_view bytes, const std::string& where,
                     const TargetsOf& targets_of, const CheckRow& check) {
  TextRowReader rows(file, bytes, where);
  const RowPlace place(rows, file);
  ExampleSet set;
  TextRow row;
  while (rows.next(row)) {
    if (check) check(row, place);
    Example example;
    example.text_a = row.text_a;
    example.text_b = row.text_b;
    example.choices.assign(row.choices.begin(), row.choices.end());
    if (file.label) example.targets = targets_of(row, place);
    set.examples.push_back(std::move(example));
  }
  set.skipped = rows.skipped();
  if (set.examples.empty()) {
    fail(where, ": no examples in the file",
         set.skipped > 0
             ? concat(" (", set.skipped, " rows do not have ", *file.required_columns, " columns)")
             : "");
  }
  return set;
}

std::vector<std::string> labels_in_rows(const Task& task, const DataFile& file,
                                        std::string_view bytes, const std::string& where) {
  TextRowReader rows(file, bytes, where);
  std::set<std::string, std::less<>> labels;
  TextRow row;
  while (rows.next(row)) {
    if (row.label.empty()) fail(rows.position(), ": the label is empty");
    if (labels.contains(row.label)) continue;
    if (labels.size() == kMostCollectedLabels) {
      fail(rows.position(), ": task ", quote(task.name), " has more than ", kMostCollectedLabels,
           " different labels; is it a regression, or the label in another column?");
    }
    labels.emplace(row.label);
  }
  if (labels.empty()) fail(where, ": no examples in the file");
  std::vector<std::string> sorted(labels.begin(), labels.end());
  const bool all_numbers = std::all_of(sorted.begin(), sorted.end(), [](const std::string& label) {
    return parse_int(label).has_value();
  });
  if (all_numbers) {
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return *parse_int(a) < *parse_int(b); });
  }
  return sorted;
}

std::vector<std::string> labels_from_json(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "labels", value, "a list of labels");
  if (value.size() > kMostLabels) {
    fail_usage(where, ": ", value.size(), " labels, at most ", kMostLabels, " are possible");
  }
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (const Json& item : value) {
    labels.push_back(label_of(item, where));
    if (!seen.insert(labels.back()).second) {
      fail_usage(where, ": label ", quote(labels.back()), " is listed twice");
    }
  }
  if (labels.size() < 2) {
    fail_usage(where, ": ", labels.size(), " labels, want at least 2, or no \"labels\" at all ",
               "to take them from the training file");
  }
  return labels;
}

}  // namespace pals
