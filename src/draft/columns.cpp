#include "draft/columns.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr double kFewWords = 3.0;   // of a label
constexpr double kSomeWords = 2.0;  // of a text
constexpr size_t kMostLabels = 200;
constexpr double kJustAsGood = 1.5;  // points between two candidates
constexpr size_t kFewRows = 50;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_id_name(std::string_view field) {
  const std::string name = ascii_lower(trim(field));
  return is_one_of(name,
                   {"id",       "idx", "index", "guid", "uid",  "uuid",      "key",     "no",
                    "number",   "row", "line",  "qid",  "qid1", "qid2",      "pair_id", "pairid",
                    "promptid", "url", "link",  "date", "time", "timestamp", "split"}) ||
         name.ends_with("_id") || name.starts_with("id_");
}

bool is_named_text(const SampleColumn& column) {
  return is_text_name(column.name) || ascii_lower(column.name).starts_with("sent");  // SWAG's sent1
}

/// Of columns such as ending0 or choice_b: the name without the number; else nothing.
std::string choice_stem(std::string_view field) {
  std::string name = ascii_lower(trim(field));
  if (name.empty()) return "";
  const char last = name.back();
  name.pop_back();
  const bool numbered = (last >= '0' && last <= '9') || (last >= 'a' && last <= 'h');
  while (name.ends_with('_') || name.ends_with(' ') || name.ends_with('-')) name.pop_back();
  const bool known =
      is_one_of(name, {"ending", "choice", "option", "answer", "alternative", "candidate", "sol"});
  return numbered && known ? name : "";
}

/// How often the separator parts values into labels that others have, too.
bool parts_labels(const SampleColumn& column, char separator) {
  size_t parted = 0, parts = 0, words = 0;
  std::set<std::string> whole, labels;
  for (const std::string& value : column.values) {
    if (value.empty()) continue;
    whole.insert(value);
    const auto pieces = split(value, separator);
    if (pieces.size() > 1) ++parted;
    for (const std::string_view piece : pieces) {
      const std::string_view label = trim(piece);
      if (label.empty()) return false;
      labels.emplace(label);
      words += static_cast<size_t>(std::ranges::count(label, ' ')) + 1;
      ++parts;
    }
    if (labels.size() > kMostLabels) return false;
  }
  return parted * 20 >= column.values.size() && parted > 0 && labels.size() >= 2 &&
         labels.size() <= whole.size() && labels.size() * 2 <= parts &&
         static_cast<double>(words) <= kFewWords * static_cast<double>(parts);
}

/// What the values of a column that are no numbers are: exceptions, labels with something between,
/// or numbers that are written otherwise. `whole` says that all numbers are.
void find_meaning(const SampleColumn& column, const std::vector<size_t>& others, bool whole,
                  ColumnFacts& facts) {
  Dressings dressings;
  for (const size_t row : others) dressings.see(column.values[row], row);
  const size_t known = facts.rows - facts.marks;
  const auto nearly_all = [&](size_t count) {
    return count > 0 && (known - count) * kValuesPerException <= known;
  };
  for (const char separator : {'|', ';', ','}) {
    if (!facts.separator.empty() || !parts_labels(column, separator)) continue;
    if (separator != ',' || !dressings.parted_numbers(whole)) facts.separator = separator;
  }
  const size_t numbers = known - others.size();
  facts.numbers = facts.separator.empty() && nearly_all(numbers + dressings.count());
  if (!facts.numbers) return;
  if (nearly_all(numbers)) {
    facts.exceptions = others;
  } else {
    facts.dressed = dressings.most();
  }
}

/// How much a column looks like a label: the more the better; nothing if it cannot be one.
std::optional<double> label_score(const Sample& sample, size_t number, const ColumnFacts& facts) {
  const SampleColumn& column = sample.columns[number];
  if (column.kind != FieldKind::kText || facts.distinct < 2) return std::nullopt;
  const bool named = is_label_name(column.name);
  const bool serial = facts.whole && facts.distinct == facts.rows && facts.rows > 2;
  double score = named ? 10.0 : 0.0;
  if (is_id_name(column.name) || (serial && !named)) return std::nullopt;
  if (is_text_name(column.name) && !named) score -= 5.0;
  const bool few = facts.words <= kFewWords && (facts.distinct * 2 <= facts.rows ||
                                                facts.distinct <= 2 || !facts.separator.empty());
  if (!few && !facts.numbers && !named) return std::nullopt;
  if (facts.distinct > kMostLabels && !facts.numbers && facts.separator.empty() && !named) {
    return std::nullopt;
  }
  if (few) score += 3.0;
  if (facts.distinct <= 3) score += 2.0;
  if (facts.numbers && !facts.whole) score += 2.0;
  if (number + 1 == sample.columns.size()) score += 1.0;
  if (number == 0) score += 0.5;
  return score;
}

std::optional<size_t> find_label(const Sample& sample, const std::vector<ColumnFacts>& facts,
                                 std::vector<std::string>& doubts) {
  std::optional<size_t> best, second;
  double best_score = 0.0, second_score = 0.0;
  for (size_t c = 0; c < sample.columns.size(); ++c) {
    const std::optional<double> score = label_score(sample, c, facts[c]);
    if (!score) continue;
    if (!best || *score > best_score) {
      second = best, second_score = best_score;
      best = c, best_score = *score;
    } else if (!second || *score > second_score) {
      second = c, second_score = *score;
    }
  }
  if (!best || !second) return best;
  const auto is_named = [&](size_t column) { return is_label_name(sample.columns[column].name); };
  if (best_score - second_score < kJustAsGood || is_named(*best) == is_named(*second)) {
    doubts.push_back(concat(
        "the label: ", column_text(sample, *best), " is taken, ", column_text(sample, *second),
        " could be it as well; \"label\": ", json_text(column_key(sample, *second), -1),
        " in the task file chooses that one"));
  }
  return best;
}

/// What keeps a key of JSONL, most of all a label, from being a column; else what to do. Keys that
/// few rows have are most likely mistyped.
std::string fault_of(const Sample& sample) {
  const SampleColumn* faulty = nullptr;
  int best = -1;
  for (const SampleColumn& column : sample.columns) {
    if (column.fault.empty() && column.unlike_fault.empty()) continue;
    const int rank =
        (column.lacking * 2 <= sample.rows ? 2 : 0) + (is_label_name(column.name) ? 1 : 0);
    if (rank <= best) continue;
    faulty = &column;
    best = rank;
  }
  if (faulty == nullptr) return "; write the task file by hand";
  return concat("; ", faulty->unlike_fault.empty() ? faulty->fault : faulty->unlike_fault);
}

/// Refuses a sample whose label, by its name, is the same in all rows, unless another column with
/// such a name is the label.
void refuse_one_value(const Sample& sample, const std::vector<ColumnFacts>& facts,
                      const std::optional<size_t>& label) {
  if (label && is_label_name(sample.columns[*label].name)) return;
  for (size_t c = 0; c < sample.columns.size(); ++c) {
    const SampleColumn& column = sample.columns[c];
    if (column.kind != FieldKind::kText || facts[c].distinct != 1) continue;
    const bool last_hope = !label && facts[c].words <= kFewWords && !is_id_name(column.name) &&
                           !is_text_name(column.name);
    if (!is_label_name(column.name) && !last_hope) continue;
    const auto value = std::ranges::find_if_not(column.values, is_no_label_mark);
    fail(sample.path, ": ", column.name.empty() ? "" : "column ", column_text(sample, c),
         " has one value alone, ", quote(*value), "; a task needs two or more");
  }
}

/// Columns that are each a choice of a question.
std::vector<size_t> find_choices(const Sample& sample) {
  std::map<std::string, std::vector<size_t>> by_stem;
  for (size_t c = 0; c < sample.columns.size(); ++c) {
    const std::string stem = choice_stem(sample.columns[c].name);
    if (!stem.empty() && sample.columns[c].kind == FieldKind::kText) by_stem[stem].push_back(c);
  }
  std::vector<size_t> most;
  for (const auto& [stem, columns] : by_stem) {
    if (columns.size() > most.size()) most = columns;
  }
  return most.size() < 2 ? std::vector<size_t>() : most;
}

}  // namespace

bool is_no_label_mark(const std::string& value) {
  return is_one_of(ascii_lower(value), {"", "-", "?", "nan", "null", "n/a", "<na>"});
}

ColumnFacts facts_of(const SampleColumn& column) {
  ColumnFacts facts{.rows = column.values.size()};
  std::set<std::string_view> distinct;
  size_t words = 0, numbers = 0, whole = 0, bits = 0;
  std::vector<size_t> others;
  for (size_t row = 0; row < facts.rows; ++row) {
    const std::string& value = column.values[row];
    if (is_no_label_mark(value)) {
      ++facts.marks;
      continue;
    }
    distinct.insert(value);
    words += static_cast<size_t>(std::ranges::count(value, ' ')) + 1;
    bits += value == "0" || value == "1" ? 1 : 0;
    const std::optional<double> number = number_of(value);
    if (!number) {
      others.push_back(row);
      continue;
    }
    ++numbers;
    whole += *number == std::floor(*number) ? 1 : 0;
  }
  const size_t known = facts.rows - facts.marks;
  facts.distinct = distinct.size();
  facts.words = known == 0 ? 0.0 : static_cast<double>(words) / static_cast<double>(known);
  facts.numbers = known > 0 && numbers == known;
  facts.bits = known > 0 && bits == facts.rows;
  if (known > 0 && !facts.numbers) find_meaning(column, others, whole == numbers, facts);
  facts.whole = facts.numbers && whole == numbers && !facts.dressed;
  return facts;
}

std::string column_text(const Sample& sample, size_t column) {
  const std::string& name = sample.columns[column].name;
  return name.empty() ? concat("column ", column) : quote(name);
}

bool has_names(const Sample& sample) {
  return sample.format == FileFormat::kJsonl || sample.header;
}

OrderedJson column_key(const Sample& sample, size_t column) {
  const std::string& name = sample.columns[column].name;
  if (has_names(sample) && !name.empty()) return name;
  return column;
}

std::map<double, std::string> numbers_in(const SampleColumn& column) {
  std::map<double, std::string> numbers;
  for (const std::string& value : column.values) {
    if (const std::optional<double> number = number_of(value)) numbers.emplace(*number, value);
  }
  return numbers;
}

std::vector<size_t> find_texts(const Sample& sample, const std::vector<size_t>& others,
                               std::vector<std::string>& doubts) {
  struct Candidate {
    size_t column;
    double score;
  };
  std::vector<Candidate> candidates;
  for (size_t c = 0; c < sample.columns.size(); ++c) {
    const SampleColumn& column = sample.columns[c];
    const bool taken = std::ranges::find(others, c) != others.end();
    if (taken || column.kind != FieldKind::kText || is_id_name(column.name)) continue;
    const ColumnFacts facts = facts_of(column);
    const bool named = is_named_text(column);
    if (facts.numbers && !named) continue;
    const bool category = facts.rows > kFewRows && facts.distinct * 10 < facts.rows;
    if (category && !named) continue;
    candidates.push_back({c, facts.words + (named ? 100.0 : 0.0)});
  }
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::score);
  std::vector<size_t> texts;
  std::vector<std::string> left;
  for (const auto& [column, score] : candidates) {
    if (texts.empty() || (texts.size() < 2 && score >= kSomeWords)) {
      texts.push_back(column);
    } else if (score >= kSomeWords) {
      left.push_back(column_text(sample, column));
    }
  }
  if (texts.empty()) fail(sample.path, ": no column looks like a text", fault_of(sample));
  std::ranges::sort(texts);
  if (!left.empty()) {
    doubts.push_back(concat("the texts: ", left.front(), " could be one, too, and is left out"));
  }
  return texts;
}

Roles find_roles(const Sample& sample) {
  Roles roles;
  std::vector<ColumnFacts> facts;
  for (const SampleColumn& column : sample.columns) facts.push_back(facts_of(column));
  roles.choices = find_choices(sample);
  std::vector<size_t> others = roles.choices;
  const bool label_named = std::ranges::any_of(
      sample.columns, [](const SampleColumn& column) { return is_label_name(column.name); });
  if (!label_named && roles.choices.empty()) {
    for (size_t c = 0; c < sample.columns.size(); ++c) {
      const bool named = !sample.columns[c].name.empty() && !is_id_name(sample.columns[c].name);
      if (facts[c].bits && named) roles.label_columns.push_back(c);
    }
    if (roles.label_columns.size() < 2) roles.label_columns.clear();
  }
  others.insert(others.end(), roles.label_columns.begin(), roles.label_columns.end());
  if (roles.label_columns.empty()) {
    roles.label = find_label(sample, facts, roles.doubts);
    refuse_one_value(sample, facts, roles.label);
    if (!roles.label) {
      fail(sample.path, ": no column looks like a label or value", fault_of(sample));
    }
    others.push_back(*roles.label);
  } else {
    roles.doubts.push_back(concat("the labels: the ", roles.label_columns.size(),
                                  " columns of 0 and 1 are taken for one label each"));
  }
  roles.texts = find_texts(sample, others, roles.doubts);
  return roles;
}

}  // namespace pals
