#include "predict/fit.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "predict/input_format.h"

namespace pals {
namespace {

std::string texts_named(size_t texts) { return texts == 1 ? "one text" : "two texts"; }

/// The columns of texts and choices alone.
DataFile columns_of(const DataFile& file) {
  DataFile columns;
  columns.text_a = file.text_a;
  columns.text_b = file.text_b;
  columns.choices = file.choices;
  return columns;
}

}  // namespace

InputShape shape_of_line(std::string_view line) {
  const auto tabs = std::count(line.begin(), line.end(), '\t');
  if (tabs > 1) return {.texts = 1, .choices = true};
  return {.texts = static_cast<size_t>(tabs) + 1};
}

std::optional<size_t> texts_of(const Task& task) {
  const Kind& kind = kind_of(task);
  if (kind.input().context) return 2;
  if (!kind.input().pairs) return 1;
  if (kind.input().choices || task.files.empty()) return std::nullopt;
  const bool pairs = task.files.front().text_b.has_value();
  for (const DataFile& file : task.files) {
    if (file.text_b.has_value() != pairs) return std::nullopt;
  }
  return pairs ? 2 : 1;
}

std::string misfit(const Task& task, const InputShape& shape) {
  if (kind_of(task).input().choices) {
    return shape.choices ? "" : "chooses among texts, and the input has no choices";
  }
  if (shape.choices && !shape.table) return "takes one or two texts, and the input has more";
  const std::optional<size_t> texts = texts_of(task);
  if (!texts || *texts == shape.texts) return "";
  return concat("takes ", texts_named(*texts), ", and the input has ", texts_named(shape.texts));
}

std::vector<DataFile> own_columns(const Task& task) {
  std::vector<DataFile> found;
  for (const DataFile& file : task.files) {
    const DataFile columns = columns_of(file);
    if (columns.text_a.name.empty() || !names_of_columns(columns)) continue;
    if (std::find(found.begin(), found.end(), columns) == found.end()) found.push_back(columns);
  }
  if (!found.empty()) return found;
  if (const std::optional<DataFile> usual = kind_of(task).input_columns(task)) {
    found.push_back(*usual);
  }
  return found;
}

}  // namespace pals
