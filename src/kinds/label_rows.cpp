#include "kinds/label_rows.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

constexpr size_t kMostCollected = 1000;

const std::string& separator_of(const Task& task) {
  return task.settings.get<MultiLabelSettings>().separator;
}

/// The file with its labels as a list that TextRow::choices gives.
DataFile with_label_list(DataFile file) {
  file.choices = file.label_columns;
  if (file.choices.empty()) file.choices = {*file.label};
  file.label.reset();
  return file;
}

/// The labels in one text; none in an empty one.
std::vector<std::string_view> separated(std::string_view text, const std::string& separator) {
  std::vector<std::string_view> labels;
  while (!trim(text).empty()) {
    const size_t end = text.find(separator);
    labels.push_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + separator.size());
  }
  return labels;
}

/// Which label each of the columns is for: the one of its name, or, where no column has a label's
/// name, that of its number.
std::vector<size_t> labels_of_columns(const Task& task, const DataFile& file,
                                      const std::string& where) {
  std::vector<size_t> by_name, by_number;
  std::string other;
  for (const Column& column : file.label_columns) {
    const auto found = std::ranges::find(task.labels, column.name);
    if (!column.number && found != task.labels.end()) {
      by_name.push_back(static_cast<size_t>(found - task.labels.begin()));
    } else {
      other = column.number ? std::to_string(*column.number) : column.name;
    }
    by_number.push_back(by_number.size());
  }
  if (by_name.empty()) return by_number;
  if (by_name.size() < by_number.size()) {
    fail(where, ": of the \"label_columns\" of task ", quote(task.name),
         " some have names of labels, ", quote(other), " has not; name all after labels, or none",
         did_you_mean(other, task.labels));
  }
  return by_name;
}

/// Makes targets of a row's labels: 1 for each that it has, else 0.
class LabelTargets {
 public:
  explicit LabelTargets(const Task& task) : task_(task) {}

  std::vector<float> of_names(const std::vector<std::string_view>& names,
                              const RowPlace& place) const {
    std::vector<float> targets(task_.labels.size());
    for (const std::string_view name : names) {
      const auto found = std::ranges::find(task_.labels, trim(name));
      if (found == task_.labels.end()) {
        fail(place.position(), ": unknown label ", quote(name), " for task ", quote(task_.name),
             " (labels: ", quote_list(task_.labels), ")", did_you_mean(name, task_.labels),
             place.hint(name));
      }
      targets[static_cast<size_t>(found - task_.labels.begin())] = 1.0F;
    }
    return targets;
  }

  std::vector<float> of_bits(const std::vector<std::string_view>& bits,
                             const std::vector<size_t>& labels, const RowPlace& place) const {
    std::vector<float> targets(task_.labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      const std::string_view bit = i < bits.size() ? trim(bits[i]) : std::string_view();
      if (bit != "0" && bit != "1") {
        fail(place.position(), ": got ", quote(bit), " for the label ",
             quote(task_.labels[labels[i]]), " of task ", quote(task_.name), ", want 0 or 1",
             place.hint(bit));
      }
      targets[labels[i]] = bit == "1" ? 1.0F : 0.0F;
    }
    return targets;
  }

 private:
  const Task& task_;
};

/// Sees the labels of a row: their names, or the fields of its label_columns.
using SeeLabels = std::function<void(const std::vector<std::string_view>&, const RowPlace&)>;

/// The rows of a file with labels; Example::choices and targets are to be overwritten.
ExampleSet read_labels(const Task& task, const DataFile& file, std::string_view bytes,
                       const std::string& where, const SeeLabels& see, RowWatch* watch) {
  if (is_separated(task, file)) {
    const std::string& separator = separator_of(task);
    const auto targets_of = [&](const TextRow& row, const RowPlace& place) {
      see(separated(row.label, separator), place);
      return std::vector<float>();
    };
    return read_rows(file, bytes, where, targets_of, nullptr, watch);
  }
  const auto check = [&](const TextRow& row, const RowPlace& place) { see(row.choices, place); };
  return read_rows(with_label_list(file), bytes, where, nullptr, check, watch);
}

}  // namespace

bool is_separated(const Task& task, const DataFile& file) {
  return file.label && !separator_of(task).empty();
}

ExampleSet read_label_rows(const Task& task, const DataFile& file, std::string_view bytes,
                           const std::string& where, RowWatch* watch) {
  if (!file.label && file.label_columns.empty()) {
    return read_rows(file, bytes, where, nullptr, nullptr, watch);
  }
  const LabelTargets targets_of(task);
  const std::vector<size_t> columns = labels_of_columns(task, file, where);
  std::vector<std::vector<float>> targets;
  ExampleSet set = read_labels(
      task, file, bytes, where,
      [&](const std::vector<std::string_view>& labels, const RowPlace& place) {
        targets.push_back(file.label_columns.empty() ? targets_of.of_names(labels, place)
                                                     : targets_of.of_bits(labels, columns, place));
      },
      watch);
  for (size_t i = 0; i < targets.size(); ++i) {
    set.examples[i].choices.clear();
    set.examples[i].targets = std::move(targets[i]);
  }
  return set;
}

std::vector<std::string> labels_in_label_rows(const Task& task, const DataFile& file,
                                              std::string_view bytes, const std::string& where,
                                              RowWatch* watch) {
  std::set<std::string, std::less<>> labels;
  if (!file.label_columns.empty()) {
    for (const Column& column : file.label_columns) {
      if (column.number) {
        fail(where, ": \"label_columns\" are given by number; name the \"labels\" of task ",
             quote(task.name));
      }
      labels.insert(column.name);
    }
    return {labels.begin(), labels.end()};
  }
  const auto see = [&](const std::vector<std::string_view>& names, const RowPlace& place) {
    for (const std::string_view name : names) {
      const std::string_view label = trim(name);
      if (label.empty()) fail(place.position(), ": a label is empty");
      if (labels.size() == kMostCollected && !labels.contains(label)) {
        fail(place.position(), ": task ", quote(task.name), " has more than ", kMostCollected,
             " different labels; are they in another column?");
      }
      labels.emplace(label);
    }
  };
  read_labels(task, file, bytes, where, see, watch);
  return {labels.begin(), labels.end()};
}

}  // namespace pals
