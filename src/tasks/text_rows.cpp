#include "tasks/text_rows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

bool has_name(const std::optional<Column>& column) { return column && !column->number; }

/// The number of a column: as given, or where the header has its name.
int64_t number_in(const Column& column, const std::vector<std::string>& header,
                  const std::string& where) {
  if (column.number) return *column.number;
  const auto found = std::find(header.begin(), header.end(), column.name);
  if (found == header.end()) {
    fail(where, ": no column ", quote(column.name), " in the header (columns: ", quote_list(header),
         ")", did_you_mean(column.name, header));
  }
  if (std::find(found + 1, header.end(), column.name) != header.end()) {
    fail(where, ": the header has the column ", quote(column.name),
         " more than once; give its number instead");
  }
  return found - header.begin();
}

}  // namespace

std::vector<std::string> text_keys(const DataFile& file, const std::string& where) {
  std::vector<std::string> keys;
  if (file.format != FileFormat::kJsonl) return keys;
  for (const std::optional<Column>& column :
       {std::optional<Column>(file.text_a), file.text_b, file.label}) {
    if (!column) continue;
    if (!has_name(column)) {
      fail(where, ": column ", *column->number,
           " is given by number; the columns of a JSONL file are its keys, given by name");
    }
    keys.push_back(column->name);
  }
  return keys;
}

std::string quote_list(const std::vector<std::string>& names) {
  constexpr size_t kMostShown = 20;
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kMostShown); ++i) shown.push_back(quote(names[i]));
  if (names.size() > kMostShown) shown.emplace_back("...");
  return join(shown, ", ");
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  // What is longer is no typo, and comparing it would take time.
  constexpr size_t kLongestName = 64;
  constexpr size_t kMostCandidates = 1000;
  std::vector<std::string> names;
  for (const std::string& candidate : candidates) {
    if (candidate.size() <= kLongestName) names.push_back(candidate);
    if (names.size() == kMostCandidates) break;
  }
  if (name.size() > kLongestName) return "";
  const std::string nearest = nearest_name(name, names);
  return nearest.empty() ? "" : concat("; did you mean ", quote(nearest), "?");
}

TextRowReader::TextRowReader(const DataFile& file, std::string_view bytes, std::string where)
    : where_(std::move(where)) {
  if (text_of_file(bytes, where_).empty()) fail(where_, ": the file is empty");
  rows_ = make_row_reader(file.format, bytes, where_, text_keys(file, where_));
  find_columns(file);
}

TextRowReader::TextRowReader(const DataFile& file, std::unique_ptr<RowReader> rows,
                             std::string where)
    : where_(std::move(where)), rows_(std::move(rows)) {
  find_columns(file);
}

void TextRowReader::find_columns(const DataFile& file) {
  if (file.format == FileFormat::kJsonl) {
    int64_t next_field = 1;
    if (file.text_b) columns_.b = next_field++;
    if (file.label) columns_.label = next_field++;
    return;
  }
  required_columns_ = file.required_columns;
  read_header(file);
}

void TextRowReader::read_header(const DataFile& file) {
  const bool named = has_name(file.text_a) || has_name(file.text_b) || has_name(file.label);
  one_width_ = named || file.format == FileFormat::kCsv;
  std::vector<std::string> header;
  if (file.header) {
    if (!rows_->next(row_)) fail(where_, ": the file is empty");
    for (const std::string_view name : row_) header.emplace_back(trim(name));
    width_ = header.size();
  } else if (named) {
    fail(where_, ": columns are given by name, but the file is said to have no header");
  }
  const std::string position = file.header ? this->position() : where_;
  columns_.a = number_in(file.text_a, header, position);
  if (file.text_b) columns_.b = number_in(*file.text_b, header, position);
  if (file.label) columns_.label = number_in(*file.label, header, position);
  if (columns_.b == columns_.a || columns_.label == columns_.a ||
      (columns_.label && columns_.label == columns_.b)) {
    fail(position, ": the texts and the label must be different columns");
  }
}

std::string TextRowReader::position() const { return concat(where_, ":", rows_->line()); }

std::optional<TextRowReader::Fields> TextRowReader::fields_in(size_t width) const {
  const auto count = static_cast<int64_t>(width);
  const auto resolve = [count](int64_t column) { return column < 0 ? count + column : column; };
  const auto inside = [count](int64_t field) { return field >= 0 && field < count; };
  Fields fields{.a = resolve(columns_.a), .b = {}, .label = {}};
  if (columns_.b) fields.b = resolve(*columns_.b);
  if (columns_.label) fields.label = resolve(*columns_.label);
  if (!inside(fields.a) || (fields.b && !inside(*fields.b)) ||
      (fields.label && !inside(*fields.label))) {
    return std::nullopt;
  }
  // The last column of a row that lacks its label is a text.
  if (fields.b == fields.a || fields.label == fields.a ||
      (fields.label && fields.label == fields.b)) {
    return std::nullopt;
  }
  return fields;
}

void TextRowReader::fail_short_row(size_t width) const {
  size_t wanted = width + 1;
  while (!fields_in(wanted)) ++wanted;
  fail(position(), ": got ", width, width == 1 ? " column" : " columns", ", want at least ",
       wanted);
}

void TextRowReader::check_width(size_t width) {
  if (!one_width_) return;
  if (!width_) width_ = width;
  if (width == *width_) return;
  fail(position(), ": got ", width, width == 1 ? " column" : " columns", ", want ", *width_,
       " as in the first row; is a separator ",
       width > *width_ ? "part of a text, or a quote missing?" : "missing?");
}

bool TextRowReader::next(TextRow& row) {
  while (true) {
    if (!rows_->next(row_)) return false;
    if (!required_columns_ || row_.size() == static_cast<size_t>(*required_columns_)) break;
    ++skipped_;
  }
  check_width(row_.size());
  const std::optional<Fields> fields = fields_in(row_.size());
  if (!fields) fail_short_row(row_.size());
  const auto field = [this](int64_t number) { return row_[static_cast<size_t>(number)]; };
  row.text_a = field(fields->a);
  row.text_b = fields->b ? field(*fields->b) : std::string_view();
  row.label = fields->label ? trim(field(*fields->label)) : std::string_view();
  return true;
}

}  // namespace pals
