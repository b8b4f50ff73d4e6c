#include "kinds/row_reading.h"

#include <algorithm>
#include <map>
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

constexpr const char* kLeaveOut =
    "; if this means that the row has none, \"unlabelled\": [...] in the task file leaves it out";

/// Whether a label is what data sets write where there is none.
bool is_no_label(std::string_view label) {
  static const std::set<std::string_view> marks = {"", "-", "?", "nan", "null", "n/a", "<na>"};
  return marks.contains(ascii_lower(label));
}

constexpr size_t kShownBytes = 24;  // of a label in a list

/// A few names, and how many more there are.
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  const size_t shown = std::min(names.size(), kShown);
  std::string text =
      join({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown)}, ", ");
  if (names.size() > shown) text += concat(" and ", names.size() - shown, " more");
  return text;
}

/// The labels of a file that lists none, as they are met.
class LabelCollector {
 public:
  explicit LabelCollector(const DataFile& file)
      : may_have_header_(!file.header && !file.header_known && file.format != FileFormat::kJsonl) {}

  size_t size() const { return counts_.size(); }
  bool contains(std::string_view label) const { return counts_.contains(label); }
  void add(const TextRow& row) {
    if (rows_++ == 0) {
      first_label_ = row.label;
      first_text_ = row.text_a;
    }
    const auto found = counts_.find(row.label);
    if (found == counts_.end()) {
      counts_.emplace(row.label, 1);
    } else {
      ++found->second;
    }
  }

  /// Whether the first row rather names the columns: its label stands there alone, and is another
  /// kind of thing than the others are.
  bool starts_with_header() const {
    if (!may_have_header_ || rows_ < 2 || counts_.find(first_label_)->second > 1) return false;
    if (is_label_name(first_label_) || is_text_name(first_text_)) return true;
    bool numbers = !parse_double(first_label_), often = true;
    for (const auto& [label, count] : counts_) {
      if (label == first_label_) continue;
      numbers = numbers && parse_double(label).has_value();
      often = often && count > 1;
    }
    return numbers || (often && first_text_.find(' ') == std::string::npos);
  }

  const std::string& first_label() const { return first_label_; }
  std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    for (const auto& [label, count] : counts_) labels.push_back(label);
    return labels;
  }
  /// Without that of the first row.
  std::vector<std::string> labels_but_first() const {
    std::vector<std::string> others = labels();
    std::erase(others, first_label_);
    return others;
  }

 private:
  bool may_have_header_;
  int64_t rows_ = 0;
  std::string first_label_, first_text_;
  std::map<std::string, int64_t, std::less<>> counts_;
};

}  // namespace

std::string RowPlace::hint(std::string_view label) const {
  if (is_no_label(label) || label == "-1" || ascii_lower(label) == "none") return kLeaveOut;
  const bool header = file_.header || file_.format == FileFormat::kJsonl;
  return rows_.line() == 1 && !header ? "; is line 1 a header? Then say so in the task file" : "";
}

ExampleSet read_rows(const DataFile& file, std::string_view bytes, const std::string& where,
                     const TargetsOf& targets_of, const CheckRow& check, RowWatch* watch) {
  TextRowReader rows(file, bytes, where);
  const RowPlace place(rows, file);
  ExampleSet set;
  TextRow row;
  int64_t empty = 0, first_empty = 0;
  bool more = true;
  const auto read_row = [&] {
    more = rows.next(row);
    if (!more) return;
    if (check) check(row, place);
    if (file.label && trim(row.text_a).empty() && empty++ == 0) first_empty = rows.line();
    Example example;
    example.text_a = row.text_a;
    example.text_b = row.text_b;
    example.choices.assign(row.choices.begin(), row.choices.end());
    if (file.label) example.targets = targets_of(row, place);
    set.examples.push_back(std::move(example));
    if (watch != nullptr) watch->example(rows.line());
  };
  while (more) watched(watch, read_row);
  set.skipped = rows.skipped();
  if (rows.blank_lines() > 0) {
    add_note(watch, rows.first_blank_line(),
             counted(rows.blank_lines(), "blank line") + " passed over", set.notes);
  }
  if (rows.unlabelled() > 0) {
    add_note(watch, rows.first_unlabelled(),
             counted(rows.unlabelled(), "row") + " without a label left out", set.notes);
  }
  if (empty > 0) {
    add_note(watch, first_empty, counted(empty, "row") + " with an empty text", set.notes);
  }
  if (set.examples.empty()) {
    fail(where, ": no examples in the file",
         set.skipped > 0 ? concat(" (", counted(set.skipped, "row does", "rows do"), " not have ",
                                  counted(*file.required_columns, "column"), ")")
                         : "");
  }
  return set;
}

std::string_view plain_label(std::string_view label) {
  const size_t point = label.find('.');
  if (point == label.npos || point + 1 == label.size()) return label;
  const bool zeros = label.find_first_not_of('0', point + 1) == label.npos;
  return zeros && parse_int(label.substr(0, point)) ? label.substr(0, point) : label;
}

std::vector<std::string> labels_in_rows(const Task& task, const DataFile& file,
                                        std::string_view bytes, const std::string& where,
                                        RowWatch* watch) {
  TextRowReader rows(file, bytes, where);
  LabelCollector labels(file);
  TextRow row;
  int64_t first_line = 1;
  bool more = true;
  const auto read_row = [&] {
    more = rows.next(row);
    if (!more) return;
    if (row.label.empty()) fail(rows.position(), ": the label is empty", kLeaveOut);
    if (is_no_label(row.label)) fail(rows.position(), ": label ", quote(row.label), kLeaveOut);
    if (labels.size() == 0) first_line = rows.line();
    if (labels.size() == kMostCollectedLabels && !labels.contains(row.label)) {
      fail(rows.position(), ": task ", quote(task.name), " has more than ", kMostCollectedLabels,
           " different labels; is it a regression, or the label in another column?");
    }
    labels.add(row);
  };
  while (more) watched(watch, read_row);
  if (labels.size() == 0) fail(where, ": no examples in the file");
  const bool sound = watched(watch, [&] {
    if (!labels.starts_with_header()) return;
    fail(where, ":", first_line, ": is this row a header, with ", quote(labels.first_label()),
         " for a label? Say \"header\": true or false in the task file");
  });
  return merged_labels(sound ? labels.labels() : labels.labels_but_first());
}

std::vector<std::string> merged_labels(const std::vector<std::string>& labels) {
  const auto whole = [](const std::string& label) { return parse_int(label).has_value(); };
  const bool any_whole = std::any_of(labels.begin(), labels.end(), whole);
  std::map<std::string, std::string> one_of_each;
  for (const std::string& label : labels) {
    const std::string plain(plain_label(label));
    std::string& one = one_of_each[plain];
    if (one.empty() || label.size() < one.size()) one = any_whole ? plain : label;
  }
  std::vector<std::string> merged;
  for (const auto& [plain, label] : one_of_each) merged.push_back(label);
  std::sort(merged.begin(), merged.end());
  if (std::all_of(merged.begin(), merged.end(), whole)) {
    std::stable_sort(merged.begin(), merged.end(),
                     [](const auto& a, const auto& b) { return *parse_int(a) < *parse_int(b); });
  }
  return merged;
}

LabelTable::LabelTable(const std::vector<std::string>& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    written_.emplace(labels[i], i);
    plain_.emplace(plain_label(labels[i]), i);
  }
}

std::optional<size_t> LabelTable::find(std::string_view label) const {
  auto found = written_.find(std::string(label));
  if (found != written_.end()) return found->second;
  found = plain_.find(std::string(plain_label(label)));
  if (found == plain_.end()) return std::nullopt;
  return found->second;
}

std::string folded_label(std::string_view label) {
  std::string folded = ascii_lower(label);
  std::erase_if(folded, [](char c) { return trim({&c, 1}).empty(); });
  // A no-break space, a zero-width one, and a byte order mark.
  for (const std::string_view blank : {"\xC2\xA0", "\xE2\x80\x8B", "\xEF\xBB\xBF"}) {
    for (size_t at = folded.find(blank); at != std::string::npos; at = folded.find(blank, at)) {
      folded.erase(at, blank.size());
    }
  }
  return folded;
}

std::vector<std::string> label_notes(const std::vector<std::string>& labels,
                                     const std::vector<int64_t>& counts) {
  std::map<std::string, std::vector<size_t>> by_case;
  std::vector<std::string> notes, once, groups;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (counts[i] == 0) continue;
    by_case[folded_label(labels[i])].push_back(i);
    if (counts[i] == 1) once.push_back(quote(labels[i], kShownBytes));
  }
  for (const auto& [lower, same] : by_case) {
    if (same.size() < 2) continue;
    std::vector<std::string> shown;
    for (const size_t i : same)
      shown.push_back(concat(quote(labels[i], kShownBytes), " (", counts[i], ")"));
    groups.push_back(join(shown, " and "));
  }
  if (!groups.empty())
    notes.push_back("labels that differ in case or blanks alone: " + some_of(groups));
  if (!once.empty()) {
    notes.push_back(concat(once.size(), " of ", counted(std::ssize(labels), "label"), " ",
                           once.size() == 1 ? "occurs" : "occur", " once: ", some_of(once)));
  }
  return notes;
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
    fail_usage(where, ": ", counted(std::ssize(labels), "label"),
               ", want at least 2, or no \"labels\" at all ",
               "to take them from the training file");
  }
  return labels;
}

}  // namespace pals
