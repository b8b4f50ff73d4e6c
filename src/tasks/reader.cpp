#include "tasks/reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kMostCollectedLabels = 1000;

/// Opens a task's file, or says what was looked for and where.
MappedFile open_data_file(const Task& task, const DataFile& file, const std::string& base_dir) {
  const std::string path = data_path(file, base_dir);
  if (!file_exists(path) && !directory_exists(path)) {
    const bool below_data_dir = std::filesystem::path(file.path).is_relative();
    fail(path, ": no such file; it should hold the ", file.split, " examples of task ",
         quote(task.name),
         below_data_dir ? concat(" (--data_dir is ", quote(base_dir),
                                 ", want the folder that holds ", file.path, ")")
                        : "");
  }
  return MappedFile(path);
}

}  // namespace

ExampleReader::ExampleReader(const Task& task, const DataFile& file, std::string_view bytes,
                             std::string where)
    : task_(task),
      has_labels_(file.label.has_value()),
      header_(file.header || file.format == FileFormat::kJsonl),
      rows_(file, bytes, std::move(where)) {
  for (size_t i = 0; i < task.labels.size(); ++i) {
    classes_.emplace(task.labels[i], static_cast<int32_t>(i));
  }
}

bool ExampleReader::next(Example& example) {
  TextRow row;
  if (!rows_.next(row)) return false;
  example.text_a = row.text_a;
  example.text_b = row.text_b;
  example.choices.assign(row.choices.begin(), row.choices.end());
  example.label = -1;
  example.value = 0.0F;
  if (task_.kind == TaskKind::kMultipleChoice) check_choices(row.choices, rows_.position());
  if (!has_labels_) return true;
  if (task_.kind == TaskKind::kRegression) {
    example.value = value_of(row.label);
  } else if (task_.kind == TaskKind::kMultipleChoice) {
    example.label = choice_of(row.label, row.choices.size());
  } else {
    example.label = class_of(row.label);
  }
  return true;
}

int32_t ExampleReader::choice_of(std::string_view label, size_t num_choices) const {
  const std::optional<int64_t> number = parse_int(label);
  if (number && *number >= 0 && *number < static_cast<int64_t>(num_choices)) {
    return static_cast<int32_t>(*number);
  }
  fail(rows_.position(), ": label ", quote(label), " of task ", quote(task_.name),
       ", want the number of the right choice, 0 to ", num_choices - 1, header_hint());
}

int32_t ExampleReader::class_of(std::string_view label) const {
  const auto found = classes_.find(label);
  if (found != classes_.end()) return found->second;
  fail(rows_.position(), ": unknown label ", quote(label), " for task ", quote(task_.name),
       " (labels: ", quote_list(task_.labels), ")", did_you_mean(label, task_.labels),
       header_hint());
}

float ExampleReader::value_of(std::string_view label) const {
  std::string_view digits = label;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  const std::optional<double> number = parse_double(digits);
  if (!number) {
    fail(rows_.position(), ": got ", quote(label), " as the value for task ", quote(task_.name),
         ", want a number", header_hint());
  }
  const double value = *number / task_.label_scale;
  if (!std::isfinite(value) || std::abs(value) > std::numeric_limits<float>::max()) {
    fail(rows_.position(), ": the value ", quote(label), " for task ", quote(task_.name),
         " is not finite or too large");
  }
  return static_cast<float>(value);
}

std::string ExampleReader::header_hint() const {
  return rows_.line() == 1 && !header_ ? "; is line 1 a header? Then say so in the task file" : "";
}

std::string data_path(const DataFile& file, const std::string& base_dir) {
  return (std::filesystem::path(base_dir) / file.path).string();
}

ExampleSet read_examples(const Task& task, const DataFile& file, const std::string& base_dir) {
  const MappedFile mapped = open_data_file(task, file, base_dir);
  ExampleSet set;
  if (task.kind == TaskKind::kSpan) {
    const bool is_test = file.split.starts_with("test");
    set.questions =
        parse_squad(mapped.bytes(), mapped.path(),
                    {.unanswerable = task.span.unanswerable || is_test, .needs_answers = !is_test});
    return set;
  }
  ExampleReader reader(task, file, mapped.bytes(), mapped.path());
  Example example;
  while (reader.next(example)) set.examples.push_back(std::move(example));
  set.skipped = reader.skipped();
  if (set.examples.empty()) {
    fail(mapped.path(), ": no examples in the file",
         set.skipped > 0
             ? concat(" (", set.skipped, " rows do not have ", *file.required_columns, " columns)")
             : "");
  }
  return set;
}

std::vector<std::string> collect_labels(const Task& task, const DataFile& file,
                                        const std::string& base_dir) {
  const MappedFile mapped = open_data_file(task, file, base_dir);
  TextRowReader rows(file, mapped.bytes(), mapped.path());
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
  if (labels.empty()) fail(mapped.path(), ": no examples in the file");
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

}  // namespace pals
