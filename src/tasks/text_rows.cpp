#include "tasks/text_rows.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

/// The number of a column: as given, or where the header has its name.
int64_t number_in(const Column& column, const std::vector<std::string>& header,
                  const std::string& where) {
  if (column.number) return *column.number;
  const auto found = std::find(header.begin(), header.end(), column.name);
  if (found == header.end()) {
    const bool semicolons = header.size() == 1 && header.front().find(';') != std::string::npos;
    fail(where, ": no column ", quote(column.name), " in the header (columns: ", quote_list(header),
         ")",
         semicolons ? "; semicolons part them, want commas or tabs"
                    : did_you_mean(column.name, header));
  }
  if (std::find(found + 1, header.end(), column.name) != header.end()) {
    fail(where, ": the header has the column ", quote(column.name),
         " more than once; give its number instead");
  }
  return found - header.begin();
}

/// Whether a file's choices are a list in each object of JSONL.
bool has_choice_list(const DataFile& file) {
  return file.format == FileFormat::kJsonl && file.choices.size() == 1;
}

/// The columns of a file, in the order of TextRowReader::columns_, without a list of choices.
std::vector<Column> columns_of(const DataFile& file) {
  std::vector<Column> columns = {file.text_a};
  if (file.text_b) columns.push_back(*file.text_b);
  if (file.label) columns.push_back(*file.label);
  if (!has_choice_list(file)) {
    columns.insert(columns.end(), file.choices.begin(), file.choices.end());
  }
  return columns;
}

/// The name of a column of JSONL: its key.
std::string key_of(const Column& column, const std::string& where) {
  if (!column.number) return column.name;
  fail(where, ": column ", *column.number,
       " is given by number; the columns of a JSONL file are its keys, given by name");
}

template <typename T>
bool has_equal(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) != values.end();
}

}  // namespace

JsonlKeys text_keys(const DataFile& file, const std::string& where) {
  JsonlKeys keys;
  if (file.format != FileFormat::kJsonl) return keys;
  for (const Column& column : columns_of(file)) keys.values.push_back(key_of(column, where));
  if (has_choice_list(file)) keys.list = key_of(file.choices.front(), where);
  if (file.label) {
    keys.label = file.label->name;
    keys.label_may_be_null =
        std::find(file.unlabelled.begin(), file.unlabelled.end(), "") != file.unlabelled.end();
  }
  return keys;
}

void check_choices(const std::vector<std::string_view>& choices, const std::string& position) {
  if (choices.size() < 2 || choices.size() > kMostChoices) {
    fail(position, ": ", counted(std::ssize(choices), "choice"), ", want 2 to ", kMostChoices);
  }
  for (size_t i = 0; i < choices.size(); ++i) {
    if (trim(choices[i]).empty()) fail(position, ": choice ", i + 1, " is empty");
  }
}

bool is_text_name(std::string_view field) {
  static const std::set<std::string_view> names = {
      "text",       "texts",    "sentence",  "sentences",   "sentence1",  "sentence2", "premise",
      "hypothesis", "question", "question1", "question2",   "query",      "context",   "passage",
      "review",     "comment",  "content",   "message",     "body",       "title",     "headline",
      "tweet",      "document", "utterance", "description", "s1",         "s2",        "text_a",
      "text_b",     "text1",    "text2",     "sentence_a",  "sentence_b", "#1 string", "#2 string"};
  return names.contains(ascii_lower(trim(field)));
}

bool is_label_name(std::string_view field) {
  static const std::set<std::string_view> names = {
      "label", "labels",   "class",     "category",   "target",       "gold_label", "gold",
      "score", "rating",   "sentiment", "y",          "verdict",      "stance",     "intent",
      "topic", "polarity", "quality",   "similarity", "is_duplicate", "tag",        "value"};
  return names.contains(ascii_lower(trim(field)));
}

std::string quote_list(const std::vector<std::string>& names) {
  constexpr size_t kMostShown = 20;
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kMostShown); ++i) shown.push_back(quote(names[i]));
  if (names.size() > kMostShown) shown.emplace_back("...");
  return join(shown, ", ");
}

TextRowReader::TextRowReader(const DataFile& file, std::string_view bytes, std::string where)
    : where_(std::move(where)) {
  if (trim(text_of_file(bytes, where_)).empty()) fail(where_, ": the file is empty");
  rows_ = make_row_reader(file.format, bytes, where_, text_keys(file, where_));
  find_columns(file);
}

TextRowReader::TextRowReader(const DataFile& file, std::unique_ptr<RowReader> rows,
                             std::string where)
    : where_(std::move(where)), rows_(std::move(rows)) {
  find_columns(file);
}

void TextRowReader::find_columns(const DataFile& file) {
  has_text_b_ = file.text_b.has_value();
  has_label_ = file.label.has_value();
  has_list_ = has_choice_list(file);
  unlabelled_labels_ = file.unlabelled;
  jsonl_ = file.format == FileFormat::kJsonl;
  if (jsonl_) {
    columns_.resize(columns_of(file).size());
    std::iota(columns_.begin(), columns_.end(), int64_t{0});
    return;
  }
  required_columns_ = file.required_columns;
  if (required_columns_) width_ = static_cast<size_t>(*required_columns_);
  read_header(file);
}

void TextRowReader::read_header(const DataFile& file) {
  const std::vector<Column> columns = columns_of(file);
  const bool named = std::any_of(columns.begin(), columns.end(),
                                 [](const Column& column) { return !column.number; });
  one_width_ = named || file.format == FileFormat::kCsv || !file.split.starts_with("test");
  may_be_header_ = !file.header && !file.header_known && !file.label;
  if (file.header) {
    do {
      if (!rows_->next(row_)) fail(where_, ": the file is empty");
      if (rows_->blank()) count_blanks(1, rows_->line());
    } while (rows_->blank());
    for (const std::string_view name : row_) header_.emplace_back(trim(name));
    if (!width_) width_ = header_.size();
  } else if (named) {
    fail(where_, ": columns are given by name, but the file is said to have no header");
  }
  const std::string position = file.header ? this->position() : where_;
  for (const Column& column : columns) columns_.push_back(number_in(column, header_, position));
  if (has_equal(columns_)) {
    fail(position, ": the texts and the label must be different columns");
  }
}

std::string TextRowReader::position() const { return concat(where_, ":", rows_->line()); }

/// Finds the columns in a row of `width` fields; false if it has not all of them.
bool TextRowReader::find_fields(size_t width, std::vector<size_t>& fields) const {
  const auto count = static_cast<int64_t>(width);
  fields.clear();
  for (const int64_t column : columns_) {
    const int64_t field = column < 0 ? count + column : column;
    if (field < 0 || field >= count) return false;
    fields.push_back(static_cast<size_t>(field));
  }
  // The last column of a row that lacks its label is a text.
  return !has_equal(fields);
}

void TextRowReader::fail_short_row(size_t width) const {
  size_t wanted = width + 1;
  std::vector<size_t> fields;
  while (!find_fields(wanted, fields)) ++wanted;
  fail(position(), ": got ", width, width == 1 ? " column" : " columns", ", want at least ",
       wanted);
}

void TextRowReader::check_width(size_t width) {
  if (!one_width_ || width == *width_) return;
  fail(position(), ": got ", width, width == 1 ? " column" : " columns", ", want ", *width_,
       " as in the first row; is a separator ",
       width > *width_ ? "part of a text, or a quote missing?" : "missing?");
}

void TextRowReader::count_blanks(int64_t count, int64_t first) {
  blank_lines_ += count;
  if (first_blank_ == 0 && count > 0) first_blank_ = first;
}

/// Puts the next row that is not to be passed over for blankness into row_; false at the end.
bool TextRowReader::read_row() {
  static const std::vector<std::string_view> empty_text = {std::string_view()};
  if (blanks_before_ > 0) {
    row_ = --blanks_before_ > 0 ? empty_text : after_blanks_;
    return true;
  }
  int64_t blanks = 0, first_blank = 0;
  while (true) {
    if (!rows_->next(row_)) return false;
    if (!rows_->blank()) break;
    if (!jsonl_ && width_ == size_t{1}) return true;
    if (blanks++ == 0) first_blank = rows_->line();
  }
  const bool first = !width_;
  if (first) width_ = row_.size();
  if (first && blanks > 0 && !jsonl_ && row_.size() == 1) {
    blanks_before_ = blanks;
    after_blanks_ = std::exchange(row_, empty_text);
  } else {
    count_blanks(blanks, first_blank);
  }
  return true;
}

bool TextRowReader::next_row_of_width() {
  while (read_row()) {
    if (!required_columns_ || row_.size() == static_cast<size_t>(*required_columns_)) return true;
    ++skipped_;
  }
  return false;
}

/// Of a file that was joined from several. In one column it may well be a text.
bool TextRowReader::repeats_header() const {
  return header_.size() > 1 && std::equal(row_.begin(), row_.end(), header_.begin(), header_.end(),
                                          [](std::string_view field, const std::string& name) {
                                            return trim(field) == name;
                                          });
}

/// Of a first row without a label: whether its texts are what headers call them.
void TextRowReader::check_no_header() const {
  const auto is_name = [&](size_t field) { return is_text_name(row_[field]); };
  if (!std::all_of(fields_.begin(), fields_.end(), is_name)) return;
  fail(position(), ": is this row a header, with ", quote(row_[fields_.front()]),
       "? Say so: \"header\": true or false in the task file, --header or --header=false");
}

bool TextRowReader::next(TextRow& row) {
  while (true) {
    if (!next_row_of_width()) return false;
    if (!jsonl_) check_width(row_.size());
    if (!find_fields(row_.size(), fields_)) fail_short_row(row_.size());
    if (repeats_header()) fail(position(), ": the header once more; were files joined?");
    if (std::exchange(may_be_header_, false)) check_no_header();
    size_t next = 0;
    row.text_a = row_[fields_[next++]];
    row.text_b = has_text_b_ ? row_[fields_[next++]] : std::string_view();
    row.label = has_label_ ? trim(row_[fields_[next++]]) : std::string_view();
    take_choices(next, row);
    const bool unlabelled =
        has_label_ && std::find(unlabelled_labels_.begin(), unlabelled_labels_.end(), row.label) !=
                          unlabelled_labels_.end();
    if (!unlabelled) return true;
    if (unlabelled_++ == 0) first_unlabelled_ = rows_->line();
  }
}

void TextRowReader::take_choices(size_t first, TextRow& row) const {
  row.choices.clear();
  for (size_t i = first; i < fields_.size(); ++i) row.choices.push_back(row_[fields_[i]]);
  // In a table questions of fewer choices leave the last columns empty.
  while (!row.choices.empty() && trim(row.choices.back()).empty()) row.choices.pop_back();
  if (!has_list_) return;
  const auto list = row_.begin() + static_cast<std::ptrdiff_t>(columns_.size());
  row.choices.assign(list, row_.end());
}

}  // namespace pals
